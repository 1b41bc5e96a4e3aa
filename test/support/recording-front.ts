/** Before a real engine: keeps what it is asked, and can refuse some of it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineUnderTest } from './engines.ts';
import { frontOf } from './front.ts';
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
  const asked: Asked[] = [];
  const front = Object.assign(
    frontOf(engine, (request, response) => void answer(request, response)),
    { asked, refuses: (_: Asked) => false },
  );

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const one = { url: request.url ?? '/', body: body.toString() };
    asked.push(one);
    if (front.refuses(one)) {
      response.writeHead(503).end();
      return;
    }
    const type = request.headers['content-type'];
    const own = await raw(engine.url, one.url, {
      method: request.method as 'GET',
      ...(body.length > 0 && { body }),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    });
    const { 'transfer-encoding': _, ...headers } = own.headers;
    const length = request.method === 'HEAD' ? {} : { 'content-length': Buffer.byteLength(own.text) };
    response.writeHead(own.status, { ...headers, ...length }).end(own.text);
  }

  return front;
}
