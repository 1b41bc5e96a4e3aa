import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../../src/model/bundle.ts';
import type { Model } from '../../../src/model/model.ts';
import { openedOnUse } from '../../../src/model/opened-on-use.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { openSession, type Session } from '../../../src/model/session.ts';
import { CROSS_ENCODER } from '../../../src/model/signatures.ts';
import { paddedPairs } from '../../../src/model/token-inputs.ts';
import { loadTokenizer } from '../../../src/model/tokenizer.ts';
import { cosine } from '../../../src/states/cosine.ts';
import { readHeader, viewPassages } from '../../../src/states/decode.ts';
import { copyTinyBundle, tinyBundle, withoutOptionalGraphs } from '../../support/tiny-bundle.ts';

const QUESTION = 'how do hedgehogs survive the winter';
const TEXTS = [
  'the winter garden',
  'a hedgehog survives in a nest of leaves until spring',
  '',
  'water '.repeat(200),
  'the shares of the railway company fell, and that was in the winter '.repeat(3),
  'ice',
];

/** Scores are float32 sums of about 20; kernels that round in another order differ by less. */
const SCORE_TOLERANCE = 1e-4;

const asked = (texts: readonly string[]) => texts.map((text) => ({ text }));

let model: Model;
beforeAll(async () => {
  model = await openModel(tinyBundle, { threads: 1 });
}, 60_000);
afterAll(() => model.close());

describe('the fast query graph', () => {
  it('gives a vector of unit length in the width of the others', async () => {
    const { vector, tokens, truncated } = await model.encodeQueryFast('the winter');
    expect(vector.length).toBe(model.bundle.dims.vector);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
    expect(tokens).toBe((await model.encodeQuery('the winter')).tokens);
    expect(truncated).toBe(false);
  });

  it('reads as much of a query as the query graph', async () => {
    const text = 'winter '.repeat(500);
    const { tokens, truncated } = await model.encodeQueryFast(text);
    expect({ tokens, truncated }).toEqual({ tokens: model.bundle.limits.queryTokens, truncated: true });
  });
});

describe('the cross-encoder', () => {
  /** The definition, pair by pair: graph + cosineWeight × cosine of the query's vector and the stored one. */
  async function defined(query: string, texts: readonly string[]): Promise<readonly number[]> {
    const { directory, limits, score } = await openBundle(tinyBundle);
    const session = await openSession(join(directory, 'cross-encoder.onnx'), {
      ...CROSS_ENCODER,
      intraOpThreads: 1,
    });
    const tokenizer = await loadTokenizer(join(directory, 'tokenizer.json'));
    const pairLimits = { queryTokens: limits.queryTokens, pairTokens: limits.pairTokens! };
    const { vector } = await model.encodeQuery(query);
    const documents = await model.encodeDocuments(texts);
    const scores: number[] = [];
    for (const [at, text] of texts.entries()) {
      const outputs = await session.run(paddedPairs(tokenizer.encodePairs(query, [text], pairLimits)));
      const { states } = documents[at]!;
      const reading = readHeader(states);
      if (reading.kind !== 'ok') throw new Error(reading.reason);
      const stored = viewPassages(states, reading.header)[0]!.vector;
      scores.push(outputs['scores']![0]! + score.crossEncoder!.cosineWeight * cosine(vector, stored));
    }
    await session.close();
    return scores;
  }

  it('scores as docs/model.md defines it', async () => {
    const expected = await defined(QUESTION, TEXTS);
    const { scores } = await model.crossScore(QUESTION, asked(TEXTS));
    scores.forEach((score, at) => {
      expect(Math.abs(score - expected[at]!)).toBeLessThan(SCORE_TOLERANCE);
    });
  });

  it('gives a text the same score whatever company it is in, and in whatever order', async () => {
    const { scores } = await model.crossScore(QUESTION, asked(TEXTS));
    const reversed = (await model.crossScore(QUESTION, asked([...TEXTS, ...TEXTS].reverse()))).scores;
    for (const [at, text] of TEXTS.entries()) {
      const alone = (await model.crossScore(QUESTION, [{ text }])).scores[0]!;
      expect(Math.abs(scores[at]! - alone)).toBeLessThan(SCORE_TOLERANCE);
      expect(Math.abs(reversed[TEXTS.length - 1 - at]! - alone)).toBeLessThan(SCORE_TOLERANCE);
    }
  });

  it('takes the vector from states that are given, and encodes only texts without', async () => {
    const { scores } = await model.crossScore(QUESTION, asked(TEXTS));
    const encoded = await model.encodeDocuments(TEXTS);
    const given = TEXTS.map((text, at) => (at % 2 ? { text } : { text, states: encoded[at]!.states }));
    expect(Array.from((await model.crossScore(QUESTION, given)).scores)).toEqual(Array.from(scores));
    const swapped = [{ text: TEXTS[0]!, states: encoded[1]!.states }];
    const { scores: other } = await model.crossScore(QUESTION, swapped);
    expect(Math.abs(other[0]! - scores[0]!)).toBeGreaterThan(SCORE_TOLERANCE);
  });

  it('refuses states that are damaged', async () => {
    const [{ states } = { states: new Uint8Array() }] = await model.encodeDocuments(['ice']);
    const damaged = states.slice();
    damaged[damaged.length - 1]! ^= 1;
    await expect(model.crossScore(QUESTION, [{ text: 'ice', states: damaged }])).rejects.toMatchObject({
      code: 'states-corrupt',
    });
    expect(model.pending).toBe(0);
  });

  it('of no text gives no score', async () => {
    expect((await model.crossScore(QUESTION, [])).scores.length).toBe(0);
  });

  it('lets a search in between two of its tasks', async () => {
    const order: string[] = [];
    const many = Array.from({ length: 40 }, () => TEXTS[4]!);
    const pairs = model
      .crossScore(QUESTION, asked(many), { priority: 'ingest' })
      .then(() => order.push('pairs'));
    const search = model.encodeQuery(QUESTION).then(() => model.encodeQuery('ice'));
    await Promise.all([pairs, search.then(() => order.push('search'))]);
    expect(order).toEqual(['search', 'pairs']);
  });

  it('drops the work of a caller who leaves', async () => {
    const leaving = new AbortController();
    const scoring = model.crossScore(QUESTION, asked(TEXTS), { signal: leaving.signal });
    leaving.abort();
    await expect(scoring).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('int4 states', () => {
  it('are scored as they are stored, whatever the company', async () => {
    const query = await model.encodeQuery(QUESTION);
    const states = (await model.encodeDocuments(TEXTS)).map((document) => document.states);
    expect(readHeader(states[0]!)).toMatchObject({ header: { dtype: 'int4', dims: 16 } });
    const { scores } = await model.score(query, states);
    for (const [at, bytes] of states.entries()) {
      const alone = (await model.score(query, [bytes])).scores[0]!;
      expect(Math.abs(scores[at]! - alone)).toBeLessThan(SCORE_TOLERANCE);
    }
  });
});

const root = mkdtempSync(join(tmpdir(), 'mice-graphs-'));
afterAll(() => rm(root, { recursive: true }));

describe('a bundle whose cross-encoder is no graph', () => {
  it('works until it is asked for pairs, and afterwards', async () => {
    const content = 'no graph';
    const directory = join(root, 'broken');
    await copyTinyBundle(directory, ({ files }) => {
      const sha256 = createHash('sha256').update(content).digest('hex');
      files['cross-encoder.onnx'] = { bytes: content.length, sha256 };
    });
    await writeFile(join(directory, 'cross-encoder.onnx'), content);
    const broken = await openModel(directory, { threads: 1 });
    try {
      await expect(broken.crossScore('ice', [{ text: 'water' }])).rejects.toMatchObject({
        code: 'bundle-invalid',
        message: expect.stringContaining('cross-encoder.onnx'),
      });
      expect((await broken.encodeQueryFast('ice')).tokens).toBeGreaterThan(2);
    } finally {
      await broken.close();
    }
  });
});

describe('a bundle without the optional graphs', () => {
  let plain: Model;
  beforeAll(async () => {
    const directory = join(root, 'plain');
    await copyTinyBundle(directory, withoutOptionalGraphs);
    plain = await openModel(directory, { threads: 1 });
  });
  afterAll(() => plain.close());

  it('has the same id, and makes the same states', async () => {
    expect(plain.bundle.id).toBe(model.bundle.id);
    const [document] = await plain.encodeDocuments(TEXTS.slice(0, 1));
    expect(document).toEqual((await model.encodeDocuments(TEXTS.slice(0, 1)))[0]);
  });

  it('is graph-missing where they are asked for, even for no text', async () => {
    const missing = { code: 'graph-missing', hint: 'Its graphs: document, query, interaction.' };
    await expect(plain.encodeQueryFast('ice')).rejects.toMatchObject(missing);
    await expect(plain.crossScore('ice', [])).rejects.toMatchObject(missing);
    expect(plain.pending).toBe(0);
  });
});

describe('a session that is opened on use', () => {
  function scripted() {
    const log: string[] = [];
    const session: Session = {
      async run() {
        log.push('run');
        return {};
      },
      async close() {
        log.push('close');
      },
    };
    return { log, session };
  }

  it('is opened once, by its first run, and closed', async () => {
    const { log, session } = scripted();
    const lazy = openedOnUse(async () => {
      log.push('open');
      return session;
    });
    expect(log).toEqual([]);
    await lazy.run({});
    await lazy.run({});
    await lazy.close();
    expect(log).toEqual(['open', 'run', 'run', 'close']);
  });

  it('that was never run has nothing to close', async () => {
    const { log, session } = scripted();
    await openedOnUse(async () => session).close();
    expect(log).toEqual([]);
  });

  it('is tried again when it could not be opened', async () => {
    const { log, session } = scripted();
    let broken = true;
    const lazy = openedOnUse(async () => {
      if (broken) throw new Error('no room');
      return session;
    });
    await expect(lazy.run({})).rejects.toThrow('no room');
    broken = false;
    await lazy.run({});
    expect(log).toEqual(['run']);
  });
});
