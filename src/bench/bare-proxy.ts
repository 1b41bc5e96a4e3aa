/** The plainest reverse proxy on the same HTTP library: what passing through costs at least. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { printUrl } from './print-url.ts';

const pool = new Pool(process.argv[2]!, { headersTimeout: 0, bodyTimeout: 0 });

const server = createServer((request, response) => {
  const { host: _host, connection: _connection, ...headers } = request.headers;
  const { method, url: path = '/' } = request;
  const body = method === 'GET' ? null : request;
  const options = { method: method as 'GET', path, headers, body, opaque: response };
  pool
    .stream(options, ({ statusCode, headers: answered, opaque }) => opaque.writeHead(statusCode, answered))
    .catch(() => response.destroy());
});
server.listen(0, '127.0.0.1', () => printUrl(server.address() as AddressInfo));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void pool.close();
});
