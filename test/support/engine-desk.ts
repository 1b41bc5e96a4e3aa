/**
 * Starts each engine once for all suites of a vitest project, when the first suite asks for it. Suites run in
 * processes of their own, so they ask over a local socket.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { type EmbeddedEngine, startEngine } from '../../src/engine/embedded/start.ts';
import type { EngineName } from '../../src/engine/port.ts';
import { messageOf } from '../../src/errors.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Base URL of the desk; `GET /NAME/VERSION` answers `{url}` once that engine is ready. */
    readonly engineDesk: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const engines = new Map<string, Promise<EmbeddedEngine>>();
  const engineAt = (path: string) => {
    const started = engines.get(path) ?? startEngine(namedIn(path));
    engines.set(path, started);
    return started;
  };
  const desk = createServer((request, response) => {
    engineAt(request.url ?? '').then(
      ({ url }) => response.end(JSON.stringify({ url })),
      (fault: unknown) => response.writeHead(500).end(messageOf(fault)),
    );
  });
  desk.requestTimeout = 0;
  await new Promise<void>((listening) => desk.listen(0, '127.0.0.1', listening));
  project.provide('engineDesk', `http://127.0.0.1:${(desk.address() as AddressInfo).port}`);
  return async () => {
    desk.close();
    const settled = await Promise.allSettled(engines.values());
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.stop() : undefined)));
  };
}

function namedIn(path: string): { readonly engine: EngineName; readonly version: string } {
  const [, engine, version = ''] = path.split('/');
  return { engine: engine === 'elasticsearch' ? 'elasticsearch' : 'opensearch', version };
}
