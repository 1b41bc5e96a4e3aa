/** Before a real engine: keeps what it is asked, and can refuse some of it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import type { EngineUnderTest } from './engines.ts';
import { raw } from './proxy.ts';
import { bodyOf } from './stub-engine.ts';

export interface Asked {
  /** Path and query string. */
  readonly url: string;
  readonly body: string;
}

export interface RecordingFront extends EngineUnderTest {
  /** In order; may be emptied. */
  readonly asked: Asked[];
  /** Which requests are answered with status 503. */
  refuses: (asked: Asked) => boolean;
}

export function recordingFront(engine: EngineUnderTest): RecordingFront {
  let url = '';
  const server = createServer((request, response) => void answer(request, response));
  const front: RecordingFront = {
    name: engine.name,
    version: engine.version,
    freshIndex: engine.freshIndex,
    asked: [],
    refuses: () => false,
    get url() {
      return url;
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const asked = { url: request.url ?? '/', body: body.toString() };
    front.asked.push(asked);
    if (front.refuses(asked)) {
      response.writeHead(503).end();
      return;
    }
    const type = request.headers['content-type'];
    const own = await raw(engine.url, asked.url, {
      method: request.method as 'GET',
      ...(body.length > 0 && { body }),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    });
    const { 'transfer-encoding': _, ...headers } = own.headers;
    const length = request.method === 'HEAD' ? {} : { 'content-length': Buffer.byteLength(own.text) };
    response.writeHead(own.status, { ...headers, ...length }).end(own.text);
  }

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return front;
}
