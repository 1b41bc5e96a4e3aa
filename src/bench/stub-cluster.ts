/** A server that costs next to nothing: it says it is OpenSearch and answers everything else with fixed bytes. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { printUrl } from './print-url.ts';

const root = JSON.stringify({ version: { distribution: 'opensearch', number: '3.6.0' } });
const short = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000) }));
const long = Buffer.from(JSON.stringify({ text: 'x'.repeat(32_000) }));

const server = createServer((request, response) => {
  const body = request.url === '/' ? Buffer.from(root) : request.url === '/long' ? long : short;
  const answer = () =>
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  if (request.method === 'GET') answer();
  else request.resume().once('end', answer);
});
server.listen(0, '127.0.0.1', () => printUrl(server.address() as AddressInfo));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
