/** A real proxy in front of a real engine, and raw requests to both. */
import { request } from 'undici';
import { afterAll, beforeAll } from 'vitest';
import type { Settings } from '../../src/config/options.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { type RunningServer, startServer } from '../../src/proxy/server.ts';
import type { EngineUnderTest } from './engines.ts';

export interface ProxyUnderTest {
  readonly url: string;
  readonly server: RunningServer;
  /** The engine itself, through its official client. */
  readonly engine: Engine;
  /** The same client, pointed at the proxy. */
  readonly proxied: Engine;
}

export function proxyBefore(engineUnderTest: EngineUnderTest, given: Partial<Settings> = {}): ProxyUnderTest {
  let server: RunningServer | undefined;
  let engine: Engine | undefined;
  let proxied: Engine | undefined;
  beforeAll(async () => {
    engine = await connectEngine({ url: engineUnderTest.url });
    server = await startServer(
      loadSettings({
        given: {
          upstreamUrl: engineUnderTest.url,
          listenPort: 0,
          logLevel: 'silent',
          modelThreads: 2,
          rerankDeadlineMs: 60_000,
          ...given,
        },
      }),
    );
    proxied = engine.through(server.url);
  });
  afterAll(async () => {
    await proxied?.close();
    await engine?.close();
    await server?.close();
  });
  return {
    get url() {
      return server!.url;
    },
    get server() {
      return server!;
    },
    get engine() {
      return engine!;
    },
    get proxied() {
      return proxied!;
    },
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface RawRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  readonly body?: string | Buffer | AsyncIterable<Buffer>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request as bytes; JSON unless the headers say otherwise. */
export async function raw(
  url: string,
  path: string,
  { method, body, headers }: RawRequest = {},
): Promise<RawAnswer> {
  const answer = await request(url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: body as string }),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers as Record<string, string>,
    text: await answer.body.text(),
  };
}
