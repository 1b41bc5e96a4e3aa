/** Is a file the one that was pinned? */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { MiceError } from '../../errors.ts';
import type { Artifact } from './artifacts.ts';

/** Lower-case hex SHA-256 of a file, read in chunks. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Bytes of a file, or 0 where there is none. */
export async function fileBytes(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

export async function isPinned(path: string, artifact: Artifact): Promise<boolean> {
  return (await fileBytes(path)) === artifact.bytes && (await sha256Of(path)) === artifact.sha256;
}

/** Moves a file that is not the pinned one out of the way, where it can be looked at. Returns its new path. */
export async function setAside(path: string): Promise<string> {
  const aside = `${path}.rejected`;
  await rename(path, aside);
  return aside;
}

/** Throws `artifact-hash` and sets the file aside unless it is the pinned one. */
export async function requirePinned(path: string, artifact: Artifact, keepAt: string): Promise<void> {
  if (await isPinned(path, artifact)) return;
  const found = `${await fileBytes(path)} bytes, sha256 ${await sha256Of(path)}`;
  await rename(path, keepAt);
  const aside = await setAside(keepAt);
  throw new MiceError(
    'artifact-hash',
    `${artifact.fileName} is not the pinned file: ${found} instead of ${artifact.bytes} bytes, sha256 ${artifact.sha256}.`,
    {
      hint: `The file was set aside as ${aside}. Check the repository or mirror it came from, then try again.`,
    },
  );
}
