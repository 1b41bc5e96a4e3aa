/**
 * States on disk, in LMDB: two files, of which one is written. When it is half of what may be used, the other, older
 * one is emptied and written instead; what is read from the older file moves to the newer. So the least recently used
 * go, some earlier than they must.
 */
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { lock } from 'proper-lockfile';
import type { StatesShelf } from './cache.ts';
import { checkStates } from './check.ts';
import type { Splitting } from './splitting.ts';

export interface DiskShelfOptions {
  readonly directory: string;
  readonly limitBytes: number;
  /** States of other bundles are kept too, and never given. */
  readonly bundleId: string;
  /** How texts are read now: states of another splitting are not given either. */
  readonly splitting?: Splitting;
  /** Told of a file that cannot be used, and where it lies now; and of states that cannot be written. */
  readonly onFault: (message: string) => void;
}

const NAMES = ['states-1.mdb', 'states-2.mdb'] as const;
/** Bytes that LMDB needs besides, in proportion: pages are not filled to the brim. */
const OVERHEAD = 1.3;

/** Undefined where another process uses the directory, or nothing can be written there. */
export async function openDiskShelf(options: DiskShelfOptions): Promise<StatesShelf | undefined> {
  const { directory, onFault } = options;
  let release: () => Promise<void>;
  try {
    mkdirSync(directory, { recursive: true });
    release = await lock(directory, {
      onCompromised: (error) => onFault(`${directory} may be used by another process: ${error.message}`),
    });
  } catch (error) {
    onFault(`${directory} is used by another process, or cannot be written: ${(error as Error).message}`);
    return undefined;
  }
  try {
    return shelfOf(options, release);
  } catch (error) {
    await release();
    onFault(`${directory} cannot be used: ${(error as Error).message}`);
    return undefined;
  }
}

type Database = RootDatabase<Uint8Array, Buffer>;

interface Half {
  readonly path: string;
  readonly database: Database;
  /** Counts up with every time that a file is begun anew. */
  readonly generation: number;
}

function shelfOf(options: DiskShelfOptions, release: () => Promise<void>): StatesShelf {
  const { directory, limitBytes, bundleId, splitting, onFault } = options;
  const halves = NAMES.map((name) => openHalf(join(directory, name), onFault));
  let [older, newer] = halves.sort((a, b) => a.generation - b.generation) as [Half, Half];
  let bytes = usedBytes(newer.database);
  /** What LMDB does not give yet: it writes a little later. */
  const coming = new Map<string, { readonly states: Uint8Array; readonly half: Half }>();
  const writing = new Set<Promise<unknown>>();
  const key = (hash: string) => Buffer.from(bundleId + hash, 'hex');

  function put(hash: string, states: Uint8Array): void {
    if (bytes > limitBytes / 2) turn();
    bytes += states.byteLength * OVERHEAD;
    // A copy: the caller may hand the buffer on.
    const one = { states: Uint8Array.from(states), half: newer };
    coming.set(hash, one);
    const { database, path } = newer;
    const written = database
      .put(key(hash), Buffer.from(one.states.buffer))
      .catch((error: Error) => onFault(`States cannot be kept in ${path}: ${error.message}`))
      .finally(() => {
        writing.delete(written);
        // What is read from now on is to be of after the write.
        database.resetReadTxn();
        if (coming.get(hash) === one) coming.delete(hash);
      });
    writing.add(written);
  }

  function turn(): void {
    const next: Half = { ...older, generation: newer.generation + 1 };
    next.database.clearSync();
    setGeneration(next);
    [older, newer] = [newer, next];
    bytes = 0;
  }

  function read({ database, path }: Half, hash: string): Uint8Array | undefined {
    const found = database.getBinary(key(hash));
    if (!found) return undefined;
    const states = Uint8Array.from(found);
    const { kind } = checkStates(states, { bundleId, splitting });
    if (kind === 'ok') return states;
    if (kind === 'split-otherwise') return undefined;
    onFault(`${path} held states that cannot be read.`);
    database.removeSync(key(hash));
    return undefined;
  }

  return {
    get(hash) {
      const soon = coming.get(hash);
      // Still on its way to the older file, it would go with that.
      if (soon && soon.half !== newer) put(hash, soon.states);
      const states = soon?.states ?? read(newer, hash);
      if (states) return states;
      const old = read(older, hash);
      if (old) put(hash, old);
      return old;
    },
    put,
    async close() {
      await Promise.all(writing);
      await newer.database.close();
      await older.database.close();
      await release();
    },
  };
}

/** Keys of states are 24 bytes long. */
const GENERATION = Buffer.from('generation');

function openHalf(path: string, onFault: DiskShelfOptions['onFault']): Half {
  const fault = existsSync(path) ? faultOf(path) : undefined;
  if (fault !== undefined) setAside(path, fault, onFault);
  try {
    return opened(path);
  } catch (error) {
    setAside(path, (error as Error).message, onFault);
    return opened(path);
  }
}

function opened(path: string): Half {
  const database: Database = open({ path, noSubdir: true, keyEncoding: 'binary', encoding: 'binary' });
  const { lastPageNumber, pageSize } = database.getStats() as { lastPageNumber: number; pageSize: number };
  const size = existsSync(path) ? statSync(path).size : 0;
  if (lastPageNumber > 1 && size < (lastPageNumber + 1) * pageSize) {
    void database.close();
    throw new Error(`it has ${size} bytes, and should have ${(lastPageNumber + 1) * pageSize}`);
  }
  const stored = database.getBinary(GENERATION)?.toString();
  const half = { path, database, generation: Number(stored ?? 0) };
  if (!Number.isSafeInteger(half.generation)) {
    void database.close();
    throw new Error('it is not of this cache');
  }
  if (stored === undefined && Number(database.getStats()['entryCount' as never]) > 0) {
    void database.close();
    throw new Error('it is not of this cache');
  }
  if (stored === undefined) setGeneration(half);
  return half;
}

function setGeneration({ database, generation }: Half): void {
  database.putSync(GENERATION, Buffer.from(String(generation)));
}

function usedBytes(database: Database): number {
  const { lastPageNumber, pageSize } = database.getStats() as { lastPageNumber: number; pageSize: number };
  return (lastPageNumber + 1) * pageSize;
}

/** Magic of LMDB's meta pages, and where it stands in the first: behind the page's header. */
const MAGIC = 0xbeefc0de;
const MAGIC_AT = 24;

/** LMDB maps what it is given into memory, so a file that is not its own is told before. */
function faultOf(path: string): string | undefined {
  const head = Buffer.alloc(MAGIC_AT + 4);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, head, 0, head.length, 0) < head.length) return 'it is no LMDB file';
  } finally {
    closeSync(file);
  }
  return head.readUInt32LE(MAGIC_AT) === MAGIC ? undefined : 'it is no LMDB file';
}

function setAside(path: string, reason: string, onFault: DiskShelfOptions['onFault']): void {
  const aside = `${path}.set-aside-${new Date().toISOString().replaceAll(':', '-')}`;
  if (existsSync(path)) renameSync(path, aside);
  rmSync(`${path}-lock`, { force: true });
  onFault(`${path} cannot be used (${reason}); it lies at ${aside} now.`);
}
