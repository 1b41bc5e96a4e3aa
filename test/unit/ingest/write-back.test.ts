import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/port.ts';
import type { Placing } from '../../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import { openWriteBack, type WriteBack, type WriteBackNeeds } from '../../../src/ingest/write-back.ts';
import type { Bundle } from '../../../src/model/bundle.ts';
import { openMemoryCache, type StatesCache } from '../../../src/states/cache.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { encodeStates } from '../../support/encode-states.ts';
import { connectFakeEngine, type FakeEngine } from '../../support/fake-engine.ts';

const INDEX = 'articles';
const bundle = { id: '0123456789abcdef', model: 'tiny@0123456789abcdef' } as Bundle;

let fake: FakeEngine;
let engine: Engine;
let placing: Placing;
let cache: StatesCache;
let faults: unknown[];

beforeAll(async () => {
  const connected = await connectFakeEngine([INDEX]);
  ({ fake, engine, placing } = connected);
  return () => connected.close();
});
beforeEach(() => {
  fake.reset();
  cache = openMemoryCache(1e6);
  faults = [];
});

function opened(over: Partial<WriteBackNeeds> = {}): WriteBack {
  return openWriteBack({
    ...{ engine, cache, model: { bundle }, object: 'mice' },
    selectionOf: () => plainSelection(['text']),
    placing,
    onWritten: () => {},
    onFault: (fault) => faults.push(fault),
    ...over,
  });
}

function known(text: string): Uint8Array {
  const hash = contentHash(text);
  const states = encodeStates({
    ...{ bundleId: bundle.id, hash, truncated: false, dtype: 'int8', dims: 1 },
    ...{ vector: Float32Array.of(1), states: Float32Array.of(1, 2) },
  });
  cache.set(hash, states);
  return states;
}

const key = (id: string) => ({ index: INDEX, id, routing: undefined });

describe('states that were encoded on sight', () => {
  it('are written to the documents they are of, and to no others', async () => {
    const states = known('seen');
    fake.put(INDEX, 'a', { text: 'seen', n: 1 });
    fake.put(INDEX, 'changed', { text: 'since then' });
    const writeBack = opened();
    writeBack.offer([key('a'), key('changed'), key('gone')]);
    await writeBack.settled();
    expect(fake.document(INDEX, 'a')).toMatchObject({
      states: Buffer.from(states).toString('base64'),
      source: { text: 'seen', n: 1, mice: { hash: contentHash('seen') } },
    });
    expect(fake.document(INDEX, 'changed')!.states).toBeUndefined();
    expect(fake.document(INDEX, 'gone')).toBeUndefined();
    expect(faults).toEqual([]);
  });

  it('are written once, however many searches meet them before a refresh shows it', async () => {
    known('seen');
    fake.put(INDEX, 'a', { text: 'seen' });
    const writeBack = opened();
    for (let search = 1; search <= 3; search++) {
      writeBack.offer([key('a')]);
      await writeBack.settled();
    }
    expect(fake.requests.filter(({ path }) => path === '/_bulk')).toHaveLength(1);
  });

  it('are not written to an index that keeps states in the service only', async () => {
    known('seen');
    fake.put(INDEX, 'a', { text: 'seen' });
    const writeBack = opened({ placing: { ...placing, of: async () => 'cache' } });
    writeBack.offer([key('a')]);
    await writeBack.settled();
    expect(fake.requests.some(({ path }) => path === '/_bulk')).toBe(false);
  });

  it('are given up when the document changes at the same moment; the next search meets it again', async () => {
    known('seen');
    fake.put(INDEX, 'a', { text: 'seen' });
    fake.intercept = ({ path }) => {
      if (path === '/_bulk') fake.put(INDEX, 'a', { text: 'newer' });
      return undefined;
    };
    const writeBack = opened();
    writeBack.offer([key('a')]);
    await writeBack.settled();
    expect(fake.document(INDEX, 'a')).toMatchObject({ states: undefined, source: { text: 'newer' } });
    expect(faults).toHaveLength(1);
  });
});
