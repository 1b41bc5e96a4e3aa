/**
 * A server that costs next to nothing: it says it is OpenSearch, whose index `prepared` has our fields, and answers
 * everything else with fixed bytes. With the file of a window, searches in `window` find its documents.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { printUrl } from './print-url.ts';
import { openStubWindow, type WindowDocument } from './stub-window.ts';

const root = JSON.stringify({ version: { distribution: 'opensearch', number: '3.6.0' } });
const states = { properties: { states: { type: 'binary' } } };
const prepared = JSON.stringify({
  prepared: { settings: { index: {} }, mappings: { properties: { mice: states } } },
});
const short = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000) }));
const long = Buffer.from(JSON.stringify({ text: 'x'.repeat(32_000) }));
const bodies: Readonly<Record<string, Buffer>> = {
  '/': Buffer.from(root),
  '/prepared': Buffer.from(prepared),
  '/long': long,
};
const [, , file] = process.argv;
const documents = file === undefined ? [] : (JSON.parse(readFileSync(file, 'utf8')) as WindowDocument[]);
const search = openStubWindow(documents);

// A long stream may take longer than the limit that Node.js sets by itself.
const server = createServer({ requestTimeout: 0 }, (request, response) => {
  const url = request.url ?? '';
  const body = url.startsWith('/window/_search') ? search(url) : (bodies[url] ?? short);
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
