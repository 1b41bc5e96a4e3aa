import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryCache, type StatesShelf } from '../../../src/states/cache.ts';
import { type DiskShelfOptions, openDiskShelf } from '../../../src/states/disk-shelf.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { unsplit } from '../../../src/states/splitting.ts';
import { encodeStates } from '../../support/encode-states.ts';

const bundleId = '0123456789abcdef';
let directory: string;
let faults: string[];
const shelves: StatesShelf[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mice-shelf-'));
  faults = [];
});
afterEach(async () => {
  for (const shelf of shelves.splice(0)) await shelf.close();
  rmSync(directory, { recursive: true });
});

async function shelf(over: Partial<DiskShelfOptions> = {}): Promise<StatesShelf> {
  const opened = await openDiskShelf({
    ...{ directory, bundleId, limitBytes: 1e8, onFault: (message) => faults.push(message) },
    ...over,
  });
  shelves.push(opened!);
  return opened!;
}

async function close(opened: StatesShelf): Promise<void> {
  shelves.splice(shelves.indexOf(opened), 1);
  await opened.close();
}

function states(text: string, tokens = 3, of = bundleId): Uint8Array {
  return encodeStates({
    ...{ bundleId: of, hash: contentHash(text), truncated: false, dtype: 'int8', dims: 4 },
    vector: Float32Array.of(1, 2, 3, 4),
    states: Float32Array.from({ length: tokens * 4 }, (_, at) => at),
  });
}

describe('states on disk', () => {
  it('of a text that was read otherwise than it is now are not given', async () => {
    const first = await shelf();
    first.put(contentHash('a'), states('a', 3));
    await close(first);
    const shorter = await shelf({ splitting: unsplit(2) });
    expect(shorter.get(contentHash('a'))).toBeUndefined();
    await close(shorter);
    expect((await shelf({ splitting: unsplit(3) })).get(contentHash('a'))).toEqual(states('a', 3));
  });

  it('outlive the process', async () => {
    const first = await shelf();
    first.put(contentHash('a'), states('a'));
    await close(first);
    const second = await shelf();
    expect(second.get(contentHash('a'))).toEqual(states('a'));
    expect(second.get(contentHash('b'))).toBeUndefined();
    expect(faults).toEqual([]);
  });

  it('of another bundle are never given', async () => {
    const first = await shelf();
    first.put(contentHash('a'), states('a'));
    await close(first);
    const other = await shelf({ bundleId: 'fedcba9876543210' });
    expect(other.get(contentHash('a'))).toBeUndefined();
    await close(other);
    expect((await shelf()).get(contentHash('a'))).toEqual(states('a'));
  });

  it('keep to their limit: what was not asked for lately goes', async () => {
    const small = await shelf({ limitBytes: 400_000 });
    const texts = Array.from({ length: 100 }, (_, at) => `text ${at}`);
    for (const text of texts) {
      small.put(contentHash(text), states(text, 1000));
      await new Promise((resolve) => setImmediate(resolve));
      expect(small.get(contentHash(texts[0]!)), text).toBeDefined();
    }
    const kept = texts.filter((text) => small.get(contentHash(text)));
    expect(kept.length).toBeLessThan(70);
    expect(kept).toContain(texts.at(-1));
    await close(small);
    const files = readdirSync(directory).filter((name) => name.endsWith('.mdb'));
    const bytes = files.reduce((sum, name) => sum + readFileSync(join(directory, name)).length, 0);
    expect(bytes).toBeLessThan(1_500_000);
  });

  it.each<[string, (path: string) => unknown]>([
    ['text', (path) => writeFileSync(path, 'this is no database, but a note that somebody left here')],
    ['an empty file', (path) => writeFileSync(path, '')],
    ['a file cut short', (path) => truncateSync(path, 8192)],
    [
      "another program's LMDB file",
      async (path) => {
        rmSync(path);
        const theirs = open({ path, noSubdir: true });
        await theirs.put('key', 'value');
        await theirs.close();
      },
    ],
  ])('set aside %s, and go on', async (_, spoil) => {
    const first = await shelf();
    for (let at = 0; at < 50; at++) first.put(contentHash(`${at}`), states(`${at}`, 100));
    await close(first);
    for (const name of ['states-1.mdb', 'states-2.mdb']) await spoil(join(directory, name));
    const second = await shelf();
    expect(faults.length).toBeGreaterThan(0);
    expect(faults[0]).toMatch(/cannot be used \(.*\); it lies at .*set-aside/);
    expect(readdirSync(directory).some((name) => name.includes('set-aside'))).toBe(true);
    second.put(contentHash('a'), states('a'));
    expect(second.get(contentHash('a'))).toEqual(states('a'));
  });

  it('that were changed are not given', async () => {
    const first = await shelf();
    const changed = states('a');
    changed[60]! ^= 1;
    first.put(contentHash('a'), changed);
    await close(first);
    const second = await shelf();
    expect(second.get(contentHash('a'))).toBeUndefined();
    expect(faults[0]).toMatch(/held states that cannot be read/);
    expect(second.get(contentHash('a'))).toBeUndefined();
    expect(faults).toHaveLength(1);
  });

  it('are for one process at a time: a second goes without', async () => {
    await shelf();
    const second = await openDiskShelf({
      directory,
      bundleId,
      limitBytes: 1e8,
      onFault: (message) => faults.push(message),
    });
    expect(second).toBeUndefined();
    expect(faults[0]).toMatch(/used by another process/);
  });
});

describe('states in memory before the disk', () => {
  it('are found on disk when they have left memory', async () => {
    const disk = await shelf();
    const cache = openMemoryCache(states('a', 100).length + 10, disk);
    cache.set('aa'.repeat(16), states('a', 100));
    cache.set('bb'.repeat(16), states('b', 100));
    expect(cache.get('aa'.repeat(16))).toEqual(states('a', 100));
    cache.remember('cc'.repeat(16), states('c', 100));
    expect(cache.get('cc'.repeat(16))).toEqual(states('c', 100));
    expect(disk.get('cc'.repeat(16))).toBeUndefined();
  });
});
