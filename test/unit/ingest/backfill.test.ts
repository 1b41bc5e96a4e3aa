import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine } from '../../../src/engine/connect.ts';
import type { Engine } from '../../../src/engine/port.ts';
import { type BackfillOptions, backfill } from '../../../src/ingest/backfill/backfill.ts';
import { startPace } from '../../../src/ingest/backfill/pace.ts';
import { verifyStates } from '../../../src/ingest/backfill/verify.ts';
import type { Placing } from '../../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import type { Bundle } from '../../../src/model/bundle.ts';
import type { EncodedDocument } from '../../../src/model/model.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { encodeStates } from '../../support/encode-states.ts';
import { connectFakeEngine, type FakeEngine, type FakeRequest } from '../../support/fake-engine.ts';

const INDEX = 'articles';
const bundle = { id: '0123456789abcdef', model: 'tiny@0123456789abcdef' } as Bundle;

let fake: FakeEngine;
let engine: Engine;
let placing: Placing;
/** Texts in the order in which they were encoded. */
let encoded: string[];

beforeAll(async () => {
  const connected = await connectFakeEngine([INDEX]);
  ({ fake, engine, placing } = connected);
  return () => connected.close();
});
beforeEach(() => {
  fake.reset();
  encoded = [];
});

const model: BackfillOptions['model'] = {
  bundle,
  async encodeDocuments(texts) {
    for (const text of texts) expect(freshTexts(), 'a fresh document is not read again').not.toContain(text);
    encoded.push(...texts);
    return texts.map((text) => ({ states: statesOf(text) }) as unknown as EncodedDocument);
  },
};

function statesOf(text: string): Uint8Array {
  return encodeStates({
    bundleId: bundle.id,
    hash: contentHash(text),
    truncated: false,
    dtype: 'int8',
    dims: 2,
    vector: Float32Array.of(1, text.length),
    states: Float32Array.of(1, 2, 3, 4),
  });
}

function freshTexts(): readonly string[] {
  return [...fake.indices.get(INDEX)!.values()].flatMap(({ source, states }) => {
    const ours = source['mice'] as { hash?: string } | undefined;
    return states && ours?.hash === contentHash(String(source['text'])) ? [String(source['text'])] : [];
  });
}

const options = (over: Partial<BackfillOptions> = {}): BackfillOptions => ({
  engine,
  model,
  placing,
  object: 'mice',
  selectionOf: () => plainSelection(['text']),
  sliceDocuments: 10,
  leaseMs: 100,
  signal: new AbortController().signal,
  ...over,
});

const run = async (over?: Partial<BackfillOptions>) => (await backfill(INDEX, options(over)))[0]!;

function fill(documents: number): void {
  for (let at = 0; at < documents; at++) fake.put(INDEX, `d${at}`, { text: `text ${at}`, n: at });
}

/** Everything of the documents but the numbers of their versions. */
function contents(): unknown {
  return [...fake.indices.get(INDEX)!.values()]
    .map(({ seqNo: _, ...document }) => document)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

const verify = async () =>
  (
    await verifyStates(INDEX, {
      engine,
      placing,
      object: 'mice',
      model: bundle.model,
      selectionOf: () => plainSelection(['text']),
      signal: new AbortController().signal,
    })
  )[0];

describe('a backfill', () => {
  it('gives every document that has text fresh states, and leaves those that have them', async () => {
    fill(40);
    fake.put(INDEX, 'empty', { n: 1 });
    const mice = { hash: contentHash('right'), model: bundle.model, states: 'AAAA', vector: [1] };
    fake.put(INDEX, 'fresh', { text: 'right', mice });
    fake.put(INDEX, 'stale', { text: 'changed', mice });
    fake.put(INDEX, 'foreign', { text: 'right', mice: { ...mice, model: 'another' } });
    expect(await verify()).toMatchObject({ documents: 44, fresh: 1, stale: 2, missing: 40, withoutText: 1 });
    fake.indices.get(INDEX)!.delete('foreign');
    const progress: number[] = [];
    const summary = await run({ onProgress: (scanned) => progress.push(scanned) });
    expect(summary).toMatchObject({
      scanned: 43,
      fresh: 1,
      written: 41,
      withoutText: 1,
      failed: 0,
      slices: 5,
    });
    expect(progress.length).toBeGreaterThan(0);
    expect(encoded).toHaveLength(41);
    expect(await verify()).toMatchObject({ documents: 43, fresh: 42, stale: 0, missing: 0, withoutText: 1 });
    expect(fake.document(INDEX, 'd7')).toMatchObject({
      source: { text: 'text 7', n: 7, mice: { model: bundle.model, hash: contentHash('text 7') } },
      states: Buffer.from(statesOf('text 7')).toString('base64'),
    });
  });

  it('finds nothing to do the second time', async () => {
    fill(15);
    await run();
    expect(await run()).toMatchObject({ scanned: 15, fresh: 15, written: 0 });
    expect(encoded).toHaveLength(15);
  });

  it('takes only the documents that a query finds', async () => {
    fill(20);
    await run({ query: { terms: { n: [3, 4] } } });
    expect(encoded.sort()).toEqual(['text 3', 'text 4']);
  });

  it('reads a document anew that was changed in between, and overwrites nothing', async () => {
    fill(5);
    let changed = false;
    fake.intercept = ({ path }) => {
      if (path !== '/_bulk' || changed) return undefined;
      changed = true;
      fake.put(INDEX, 'd1', { text: 'newer', big: 1 });
      fake.put(INDEX, 'd2', { text: 'text 2', other: true });
      fake.indices.get(INDEX)!.delete('d3');
      return undefined;
    };
    expect(await run()).toMatchObject({ written: 4, left: 1, failed: 0 });
    expect(fake.document(INDEX, 'd1')!.source).toMatchObject({ text: 'newer', big: 1 });
    expect(fake.document(INDEX, 'd2')!.source).toMatchObject({ other: true });
    expect(await verify()).toMatchObject({ documents: 4, fresh: 4 });
  });

  it('goes slower when the cluster is busy, and goes on', async () => {
    fill(8);
    let refusals = 3;
    fake.intercept = ({ path }) =>
      path === '/_bulk' && refusals-- > 0 ? { status: 429, body: { error: { type: 'busy' } } } : undefined;
    await run();
    expect(await verify()).toMatchObject({ fresh: 8 });
    expect(encoded).toHaveLength(8);
  });

  it('whose view of the index is lost goes on with another, and takes each document once', async () => {
    fill(700);
    let pages = 0;
    fake.intercept = ({ path, body }) => {
      const isLost = path.startsWith('/_search?') && body.includes('"pit"') && [2, 4].includes(++pages);
      return isLost ? { status: 404, body: { error: { reason: 'No search context found' } } } : undefined;
    };
    const summary = await run({ sliceDocuments: 1000 });
    expect(summary).toMatchObject({ slices: 1, scanned: 700, fresh: 0, written: 700, failed: 0 });
    expect(encoded).toHaveLength(700);
    expect(pages).toBeGreaterThan(4);
  });

  it('counts what the cluster refuses, and says why', async () => {
    fill(3);
    const item = { status: 400, error: { type: 'x', reason: 'the mapping does not fit' } };
    fake.intercept = ({ path, body }) => {
      if (path !== '/_bulk') return undefined;
      const items = body
        .trim()
        .split('\n')
        .slice(1)
        .filter((_, at) => at % 2 === 0)
        .map(() => ({ update: item }));
      return { status: 200, body: { errors: true, items } };
    };
    expect(await run()).toMatchObject({ written: 0, failed: 3, reasons: ['the mapping does not fit'] });
  });

  it('takes no more documents at a time than a second may hold', () => {
    const pace = startPace(10);
    expect(pace.batch).toBe(10);
    pace.took(10, 1);
    expect(pace.batch).toBe(10);
    pace.slower();
    expect(pace.batch).toBe(5);
    const free = startPace(0);
    free.took(free.batch, 250);
    expect(free.batch).toBe(64);
    free.took(free.batch, 4000);
    expect(free.batch).toBe(32);
  });

  it('that waits for its rate ends with the reason of its interruption', async () => {
    const pace = startPace(1);
    const stopped = new AbortController();
    await pace.admit(600, stopped.signal);
    const waiting = pace.admit(1, stopped.signal);
    stopped.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
  });

  it('refuses an index that was not set up, and says what to do', async () => {
    await engine.createIndex('other', { settings: {}, mappings: {} });
    await expect(backfill('other', options())).rejects.toMatchObject({
      code: 'index-mapping',
      hint: 'Run mice setup other first.',
    });
    await expect(backfill('none', options())).rejects.toMatchObject({ code: 'index-missing' });
  });

  it('is shared by several processes: each document is encoded once', async () => {
    fill(120);
    const others = await Promise.all(Array.from({ length: 3 }, () => connectEngine({ url: fake.url })));
    const summaries = await Promise.all(others.map((other) => run({ engine: other, leaseMs: 20_000 })));
    await Promise.all(others.map((other) => other.close()));
    expect(new Set(encoded).size).toBe(120);
    expect(encoded).toHaveLength(120);
    for (const summary of summaries) expect(summary).toMatchObject({ scanned: 120, written: 120 });
  });

  it('that is interrupted gives its slices back at once', async () => {
    fill(60);
    const controller = new AbortController();
    const interrupted = run({
      signal: controller.signal,
      leaseMs: 3_600_000,
      onProgress: () => controller.abort(new Error('interrupted')),
    });
    await expect(interrupted).rejects.toThrow('interrupted');
    fake.intercept = () => undefined;
    await run({ leaseMs: 3_600_000 });
    expect(await verify()).toMatchObject({ fresh: 60 });
    expect(encoded).toHaveLength(60);
  });

  it('killed at any request and started again ends in the same state, and reads nothing twice', async () => {
    fill(45);
    await run();
    const uninterrupted = contents();
    const requests = fake.requests.length;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: requests }), { minLength: 1, maxLength: 3 }),
        async (kills) => {
          fake.reset();
          encoded = [];
          fill(45);
          for (const after of kills) await killed(after);
          fake.intercept = () => undefined;
          expect(await run({ leaseMs: 40 })).toMatchObject({ failed: 0 });
          expect(contents()).toEqual(uninterrupted);
          expect(await verify()).toMatchObject({ documents: 45, fresh: 45 });
        },
      ),
      { numRuns: 12 },
    );
  });

  /** A run whose process ends, without a word, when it makes its request number `after`. */
  async function killed(after: number): Promise<void> {
    fake.intercept = () => undefined;
    const mine = await connectEngine({ url: fake.url });
    let left = after;
    const dead = { status: 403, body: { error: { type: 'dead', reason: 'the process is gone' } } };
    fake.intercept = (_: FakeRequest) => (left-- > 0 ? undefined : dead);
    await run({ engine: mine, leaseMs: 40 }).catch(() => undefined);
    await mine.close();
  }
});
