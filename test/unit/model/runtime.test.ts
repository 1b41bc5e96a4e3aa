import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncodedQuery, Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { checkStates } from '../../../src/states/check.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { encodeStates } from '../../support/encode-states.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const QUESTION = 'how do hedgehogs survive the winter';
const TEXTS = [
  'Hedgehogs hibernate in a nest of leaves from November until spring, living on their body fat.',
  'The shares of the railway company fell.',
  'Winter tyres are made of a softer rubber.',
  '',
  'A hedgehog.',
  'hedgehog '.repeat(400),
  `Long ago, ${'a small animal walked through the garden and found a heap of leaves, '.repeat(9)}`,
];

let model: Model;
let query: EncodedQuery;
let states: readonly Uint8Array[];

beforeAll(async () => {
  model = await openModel(undefined, { threads: 2 });
  query = await model.encodeQuery(QUESTION);
  states = (await model.encodeDocuments(TEXTS)).map((document) => document.states);
}, 120_000);

afterAll(() => model.close());

describe('encoding a query', () => {
  it('gives a state per token and a vector of unit length', () => {
    const { hidden, vector } = model.bundle.dims;
    expect(query.states.length).toBe(query.tokens * hidden);
    expect(query.vector.length).toBe(vector);
    expect(Math.hypot(...query.vector)).toBeCloseTo(1, 4);
    expect(query.truncated).toBe(false);
  });

  it('gives the same, bit for bit, whatever queries wait and are encoded with it', async () => {
    const asked = Array.from(
      { length: 24 },
      (_, at) => `${QUESTION} ${'of year '.repeat(at % 3)}${1900 + at}`,
    );
    const alone: EncodedQuery[] = [];
    for (const text of asked) alone.push(await model.encodeQuery(text));
    expect(await Promise.all(asked.map((text) => model.encodeQuery(text)))).toEqual(alone);
    expect(new Set(alone.map(({ tokens }) => tokens)).size).toBe(3);
  });

  it('is not done again for a query that was asked lately, where there is memory for it', async () => {
    const remembering = await openModel(tinyBundle, { threads: 1, queryCacheBytes: 10_000 });
    const asked = await remembering.encodeQuery(QUESTION);
    expect(await remembering.encodeQuery(QUESTION)).toBe(asked);
    expect(await remembering.encodeQuery('a vector')).not.toBe(asked);
    for (let at = 0; at < 40; at++) await remembering.encodeQuery(`number ${at}`);
    const again = await remembering.encodeQuery(QUESTION);
    expect(again).not.toBe(asked);
    expect(again).toEqual(asked);
    await remembering.close();
    expect(await model.encodeQuery(QUESTION)).not.toBe(query);
  });

  it('of ten thousand words reads up to the limit and says so', async () => {
    const { tokens, truncated } = await model.encodeQuery('winter '.repeat(10_000));
    expect(tokens).toBe(model.bundle.limits.queryTokens);
    expect(truncated).toBe(true);
  });

  it('without a word reads [CLS] and [SEP], and it can be scored', async () => {
    const empty = await model.encodeQuery('');
    expect(empty.tokens).toBe(2);
    const { scores } = await model.score(empty, states);
    expect(scores.every(Number.isFinite)).toBe(true);
  });
});

describe('encoding documents', () => {
  it('gives the stored form, stamped with bundle and text', async () => {
    const [document] = await model.encodeDocuments(TEXTS.slice(0, 1));
    const { tokens, states } = document!;
    expect(checkStates(states, { bundleId: model.bundle.id })).toMatchObject({
      kind: 'ok',
      header: {
        tokens,
        truncated: false,
        dims: model.bundle.dims.states,
        vectorDims: model.bundle.dims.vector,
        hash: contentHash(TEXTS[0]!),
      },
    });
    expect(Math.hypot(...document!.vector)).toBeCloseTo(1, 4);
  });

  it('reads an over-long one up to the limit and says so in the result and in the stored form', async () => {
    const [long] = await model.encodeDocuments([TEXTS[5]!]);
    const { limits, stateTokens } = model.bundle;
    const gone = stateTokens === 'merged' ? Math.floor(limits.documentTokens / 3) : 0;
    expect(long).toMatchObject({ tokens: limits.documentTokens - gone, truncated: true });
    const check = checkStates(long!.states, { bundleId: model.bundle.id });
    expect(check).toMatchObject({ kind: 'ok', header: { truncated: true } });
  });

  it('gives the same bytes whatever else was encoded with it', async () => {
    for (const [at, text] of TEXTS.entries()) {
      const [alone] = await model.encodeDocuments([text]);
      expect(Buffer.compare(alone!.states, states[at]!)).toBe(0);
    }
  });

  it('of nothing is nothing', async () => {
    expect(await model.encodeDocuments([])).toEqual([]);
  });
});

describe('scoring', () => {
  it('puts the answer above texts about something else', async () => {
    const { scores } = await model.score(query, states);
    expect(Math.max(...scores)).toBe(scores[0]);
    expect(scores[1]).toBeLessThan(scores[2]!);
  });

  it('gives a document the same score whatever company it is in, and in whatever order', async () => {
    const all = (await model.score(query, states)).scores;
    const company = fc.array(fc.nat({ max: states.length - 1 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(company, async (rows) => {
        const { scores } = await model.score(
          query,
          rows.map((row) => states[row]!),
        );
        rows.forEach((row, at) => {
          expect(scores[at]).toBe(all[row]);
        });
      }),
      { numRuns: 15 },
    );
  });

  it('gives a document that is alone the score that it has in company', async () => {
    const together = await model.encodeDocuments(
      Array.from({ length: 120 }, (_, at) => TEXTS[6]!.slice(at, 3 * at + 9)),
    );
    for (const question of TEXTS.slice(0, 5)) {
      const asked = await model.encodeQuery(question);
      const { scores } = await model.score(
        asked,
        together.map((document) => document.states),
      );
      for (const [at, document] of together.entries())
        expect((await model.score(asked, [document.states])).scores[0]).toBe(scores[at]);
    }
  });

  it('reads states that start anywhere in a buffer, and leaves them to their owner', async () => {
    const bytes = states[0]!;
    const slab = new Uint8Array(bytes.length + 3);
    slab.set(bytes, 3);
    const [aligned, shifted] = (await model.score(query, [bytes, slab.subarray(3)])).scores;
    expect(shifted).toBe(aligned);
    expect(slab.subarray(3)).toEqual(bytes);
  });

  it('of no document gives no score', async () => {
    expect((await model.score(query, [])).scores.length).toBe(0);
  });

  it('refuses states that are corrupt or of another bundle', async () => {
    const damaged = Uint8Array.from(states[0]!);
    damaged[damaged.length - 1]! ^= 1;
    await expect(model.score(query, [states[1]!, damaged])).rejects.toMatchObject({ code: 'states-corrupt' });
    await expect(model.score(query, [new Uint8Array(9)])).rejects.toMatchObject({ code: 'states-corrupt' });
    const { dims } = model.bundle;
    const foreign = encodeStates({
      bundleId: '0123456789abcdef',
      hash: contentHash('a'),
      truncated: false,
      dtype: model.bundle.stateDtype,
      dims: dims.states,
      vector: query.vector,
      states: new Float32Array(2 * dims.states),
    });
    await expect(model.score(query, [foreign])).rejects.toMatchObject({
      code: 'states-foreign',
      message: expect.stringContaining('made by bundle 0123456789abcdef'),
    });
    expect((await model.score(query, states)).scores.length).toBe(states.length);
  });

  it('leaves the event loop to others', async () => {
    let turns = 0;
    let scoring = true;
    const turn = () => {
      turns++;
      if (scoring) setImmediate(turn);
    };
    setImmediate(turn);
    const batches = 64;
    const window = Array.from({ length: 32 * batches }, () => states[6]!);
    await model.score(query, window);
    scoring = false;
    // Inference on this thread would leave at most a turn or two for each of the batches.
    expect(turns).toBeGreaterThan(2 * batches);
  });
});

/** How far each thread of this process stands behind this one. */
function behind(): readonly number[] {
  const niceOf = (thread: string) =>
    Number(readFileSync(`${thread}/stat`, 'utf8').split(') ')[1]!.split(' ')[16]);
  const own = niceOf('/proc/thread-self');
  return readdirSync('/proc/self/task').map((id) => niceOf(`/proc/self/task/${id}`) - own);
}

describe('a model in use', () => {
  it.runIf(process.platform === 'linux')('computes in threads that give way to the others', () => {
    expect(behind().filter((steps) => steps > 0).length).toBeGreaterThanOrEqual(2);
  });

  it('counts the calls that wait or run', async () => {
    const calls = [model.encodeQuery('a'), model.encodeQuery('b'), model.encodeQuery('c')];
    expect(model.pending).toBe(3);
    await Promise.all(calls);
    expect(model.pending).toBe(0);
  });

  it('drops the work of a caller who leaves', async () => {
    const leaving = new AbortController();
    const encoding = model.encodeDocuments(TEXTS, { priority: 'ingest', signal: leaving.signal });
    leaving.abort();
    await expect(encoding).rejects.toMatchObject({ code: 'aborted' });
  });
});
