/** A package repository on a local socket, and artefacts small enough to make up. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Artifact } from '../../../src/engine/embedded/artifacts.ts';

export interface LocalRepository {
  readonly url: string;
  /** Paths asked for, in order. */
  readonly asked: readonly string[];
  /** The `authorization` headers that came with them. */
  readonly authorizations: readonly string[];
  close(): Promise<void>;
}

/** Serves `files` by path; anything else is a 404. `delayMs` holds every answer back. */
export async function localRepository(
  files: Readonly<Record<string, string | Buffer>>,
  delayMs = 0,
): Promise<LocalRepository> {
  const asked: string[] = [];
  const authorizations: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    if (request.headers.authorization) authorizations.push(request.headers.authorization);
    const file = files[path];
    setTimeout(() => response.writeHead(file === undefined ? 404 : 200).end(file), delayMs);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const close = () => {
    server.closeAllConnections();
    return new Promise<void>((closed) => server.close(() => closed()));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, authorizations, close };
}

export const cheesePath = '/org/example/cheese/1.0/cheese-1.0.zip';

/** The Maven artefact `org.example:cheese:1.0` whose content is `content`. */
export function cheese(content: string): Artifact {
  const origin = {
    kind: 'maven',
    group: 'org.example',
    name: 'cheese',
    version: '1.0',
    packaging: 'zip',
  } as const;
  return { fileName: 'cheese-1.0.zip', origin, ...pin(content) };
}

/** The wheel of the project `holes` whose content is `content`. */
export function holes(content: string): Artifact {
  const origin = { kind: 'pypi', project: 'holes', version: '2.0', platform: 'any' } as const;
  return { fileName: 'holes-2.0-py3-none-any.whl', origin, ...pin(content) };
}

function pin(content: string): { readonly bytes: number; readonly sha256: string } {
  return { bytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
}
