import { beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../../src/engine/port.ts';
import type { Placing } from '../../../src/ingest/stores/placing.ts';
import { startSweeper } from '../../../src/ingest/sweeper.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import type { Bundle } from '../../../src/model/bundle.ts';
import type { EncodedDocument } from '../../../src/model/model.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { encodeStates } from '../../support/encode-states.ts';
import { connectFakeEngine, type FakeEngine } from '../../support/fake-engine.ts';

const bundle = { id: '0123456789abcdef', model: 'tiny@0123456789abcdef' } as Bundle;
let fake: FakeEngine;
let engine: Engine;
let placing: Placing;
beforeAll(async () => {
  const connected = await connectFakeEngine(['articles']);
  ({ fake, engine, placing } = connected);
  return () => connected.close();
});

it('a sweeper repairs what lacks states, again and again, until it is closed', async () => {
  const encoded: string[] = [];
  const faults: string[] = [];
  const sweeps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  fake.put('articles', 'past', { text: 'written past the proxy' });
  fake.put('articles', 'old', {
    text: 'of an older model',
    mice: { hash: contentHash('of an older model'), model: 'older', states: 'AAAA' },
  });
  let swept = 0;
  const sweeper = startSweeper({
    ...{ engine, placing, object: 'mice', indices: ['gone', 'articles'], intervalMs: 1, leaseMs: 1000 },
    selectionOf: () => plainSelection(['text']),
    model: {
      bundle,
      async encodeDocuments(texts) {
        encoded.push(...texts);
        return texts.map((text) => {
          const states = encodeStates({
            ...{ bundleId: bundle.id, hash: contentHash(text), truncated: false, dtype: 'int8', dims: 1 },
            ...{ vector: Float32Array.of(1), states: Float32Array.of(1) },
          });
          return { states } as unknown as EncodedDocument;
        });
      },
    },
    onSwept({ written }) {
      swept += written;
      if (swept >= 2) sweeps[0]!.resolve();
      if (swept >= 3) sweeps[1]!.resolve();
    },
    onFault: (_, index) => faults.push(index),
  });
  await sweeps[0]!.promise;
  expect(encoded.sort()).toEqual(['of an older model', 'written past the proxy']);
  fake.put('articles', 'later', { text: 'later' });
  await sweeps[1]!.promise;
  await sweeper.close();
  expect(encoded).toHaveLength(3);
  expect(faults).toContain('gone');
  expect([...fake.indices.get('articles')!.values()].every(({ states }) => states !== undefined)).toBe(true);
});
