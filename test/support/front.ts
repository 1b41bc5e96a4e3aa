/** A server of a test's own before a real engine, which is asked in the engine's place. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import type { EngineUnderTest } from './engines.ts';

export function frontOf(engine: EngineUnderTest, answer: RequestListener): EngineUnderTest {
  let url = '';
  const server = createServer(answer);
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    name: engine.name,
    version: engine.version,
    freshIndex: engine.freshIndex,
    get url() {
      return url;
    },
  };
}
