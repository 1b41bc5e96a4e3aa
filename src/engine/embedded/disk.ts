/** Is there room? Asked before anything is written, because a half-written server fails in obscure ways. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MiceError } from '../../errors.ts';

const megabyte = 1_000_000;

/** Throws `disk-full` unless `bytes` are free on the file system that holds `path`, or its nearest parent. */
export async function requireRoom(path: string, bytes: number, purpose: string): Promise<void> {
  const free = await freeBytes(path);
  if (free >= bytes) return;
  const [needed, found] = [bytes, free].map((size) => Math.ceil(size / megabyte));
  throw new MiceError('disk-full', `${purpose} needs ${needed} MB at ${path}, where ${found} MB are free.`, {
    hint: 'Free some space, or set MICE_CACHE_DIR (servers) or TMPDIR (their data) to a larger disk.',
  });
}

async function freeBytes(path: string): Promise<number> {
  const found = await statfs(path).catch(() => undefined);
  if (found !== undefined) return found.bavail * found.bsize;
  const parent = dirname(path);
  return parent === path ? Number.POSITIVE_INFINITY : freeBytes(parent);
}
