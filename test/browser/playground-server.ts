/** The page with fixture answers behind it, on a real socket. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { playgroundPage } from '../../src/proxy/playground/page.ts';

export interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

export interface PlaygroundServer {
  readonly url: string;
  /** Bodies that the page posted, oldest first. */
  readonly asked: readonly unknown[];
  /** What `GET /_mice/indices` answers. */
  indices: Answer;
  /** What `POST /_mice/compare` answers. */
  compare: Answer;
  close(): Promise<void>;
}

export async function servePlayground(indices: Answer, compare: Answer): Promise<PlaygroundServer> {
  const asked: unknown[] = [];
  const page = playgroundPage();
  const served = { indices, compare };
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (path === '/_mice/') {
      response.writeHead(200, page.headers).end(page.body);
      return;
    }
    const posted = await bodyOf(request);
    if (path === '/_mice/compare') asked.push(JSON.parse(posted));
    const answer = path === '/_mice/indices' ? served.indices : served.compare;
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return Object.assign(served, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/_mice/`,
    asked,
    close,
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
