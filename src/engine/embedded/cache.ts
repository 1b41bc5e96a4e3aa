/** Where fetched files and unpacked servers are kept, and how processes that start at once share them. */
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { lock } from 'proper-lockfile';
import { MiceError } from '../../errors.ts';
import { blockingParent, runsAsRoot } from './account.ts';

/** MICE_CACHE_DIR, else `mice-bridge` under XDG_CACHE_HOME, else `~/.cache/mice-bridge`. */
export function defaultCacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env['MICE_CACHE_DIR']) return resolve(env['MICE_CACHE_DIR']);
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'mice-bridge');
}

/**
 * Where servers and runtimes are unpacked. The engines refuse to run as root, so root starts them as another
 * user, who must be able to read them: where a parent of the cache is closed to others (as /root usually is),
 * they go below /var instead. Throws `engine-failed` where no such place exists.
 */
export async function unpackDirectory(cacheDirectory: string): Promise<string> {
  if (!runsAsRoot()) return cacheDirectory;
  const candidates = [cacheDirectory, '/var/cache/mice-bridge', '/var/tmp/mice-bridge-root'];
  for (const candidate of candidates) {
    if ((await blockingParent(candidate)) === undefined && (await isOursAlone(candidate))) return candidate;
  }
  throw new MiceError(
    'engine-failed',
    `No cache directory that other users can read: ${candidates.join(', ')}.`,
    {
      hint: 'Set MICE_CACHE_DIR to a directory whose parents all allow others to pass (mode o+x).',
    },
  );
}

/** Whether the directory could be made, or is ours and nobody else can put files into it. */
async function isOursAlone(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { recursive: true });
    const found = await lstat(directory);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) return false;
    if ((found.mode & 0o005) !== 0o005) await chmod(directory, found.mode | 0o055);
    return true;
  } catch {
    return false;
  }
}

const staleMs = 15_000;
const hourOfSeconds = { retries: 3600, factor: 1, minTimeout: 1000, maxTimeout: 1000 };

/**
 * Runs `work` while no other process holds `path`. A holder renews its lock every few seconds; one that was
 * killed is taken over after {@link staleMs}. Losing a lock is harmless here: what is made under it is put in
 * place by a rename.
 */
export async function withLock<T>(path: string, label: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const held = { realpath: false, stale: staleMs, onCompromised: () => undefined };
  const release = await lock(path, held).catch(async (fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'ELOCKED') throw fault;
    process.stderr.write(`Waiting for another process that prepares ${label}.\n`);
    return lock(path, { ...held, retries: hourOfSeconds });
  });
  try {
    return await work();
  } finally {
    await release().catch(() => undefined);
  }
}
