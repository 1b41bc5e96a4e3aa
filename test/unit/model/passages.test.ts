import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { openModel, splittingOf } from '../../../src/model/runtime.ts';
import { checkStates } from '../../../src/states/check.ts';
import { viewStates } from '../../../src/states/decode.ts';
import { laidOut } from '../../support/laid-out.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

/** The tiny bundle reads 64 tokens at a time. */
const passages = { tokens: 0, overlap: 0, most: 4 };
const sentence = (number: number) =>
  `The animal of garden ${number} sleeps in a nest of leaves until the spring.`;
const LONG = Array.from({ length: 4 }, (_, at) => sentence(at)).join(' ');

let plain: Model;
let split: Model;
let merged: Model;

beforeAll(async () => {
  plain = await openModel(tinyBundle, { threads: 1 });
  split = await openModel(tinyBundle, { threads: 1, passages });
  merged = await openModel(tinyBundle, { threads: 1, passages: { ...passages, kept: 'merged' } });
}, 120_000);

afterAll(async () => {
  await plain.close();
  await split.close();
  await merged.close();
});

async function passagesOf(text: string, model = split) {
  const [document] = await model.encodeDocuments([text]);
  const check = checkStates(document!.states, { bundleId: model.bundle.id, splitting: model.splitting });
  if (check.kind !== 'ok') throw new Error(check.kind);
  return { ...document!, header: check.header, views: viewStates(document!.states, check.header) };
}

describe('a document that fits one passage', () => {
  it('has the same bytes whether long ones are split or not', async () => {
    const texts = ['', 'A hedgehog.', sentence(1)];
    const [one, other] = await Promise.all([plain.encodeDocuments(texts), split.encodeDocuments(texts)]);
    expect(other).toEqual(one);
  });
});

describe('a longer document', () => {
  it('is read to its end, passage by passage, each within the limit of the bundle', async () => {
    const { header, views, truncated } = await passagesOf(LONG);
    expect(header).toMatchObject({ version: 2, truncated: false, splitting: split.splitting });
    expect([truncated, views.length > 1]).toEqual([false, true]);
    expect(views.every(({ tokens }) => tokens <= split.bundle.limits.documentTokens)).toBe(true);
    const texts = views.map(({ place }) => LONG.slice(place!.start, place!.end));
    expect(texts.join(' ')).toBe(LONG);
  });

  it('has the vectors and states of its passages as if each were a document', async () => {
    const { views } = await passagesOf(LONG);
    const { states: dims } = split.bundle.dims;
    for (const view of views) {
      const [alone] = (await passagesOf(LONG.slice(view.place!.start, view.place!.end))).views;
      expect(view).toMatchObject({ vector: alone!.vector, scales: alone!.scales });
      expect(laidOut(view, dims)).toEqual(laidOut(alone!, dims));
    }
  });

  it('has a vector of unit length, the mean of those of its passages', async () => {
    const { vector, views } = await passagesOf(LONG);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    const sum = Array.from(vector, (_, at) =>
      views.reduce((all, view) => all + view.vector[at]! * view.vectorScale, 0),
    );
    const length = Math.hypot(...sum);
    sum.forEach((component, at) => {
      expect(Math.abs(component / length - vector[at]!)).toBeLessThan(0.02);
    });
  });

  it('of more passages than may be read is cut behind the last, and says so', async () => {
    const { header, truncated } = await passagesOf(`${LONG} ${LONG} ${LONG}`);
    expect([header.passages, header.truncated, truncated]).toEqual([4, true, true]);
  });

  it('is cut where the bundle ends, where it is not to be split', async () => {
    const { header } = await passagesOf(LONG, plain);
    expect(header).toMatchObject({ version: 1, passages: 1, tokens: 64, truncated: true });
  });

  it('is read in the same passages when the model is asked in other company', async () => {
    const [alone] = await split.encodeDocuments([LONG]);
    const among = await split.encodeDocuments(['A hedgehog.', LONG, sentence(3), LONG]);
    expect([among[1], among[3]]).toEqual([alone, alone]);
  });

  it('has the score of its best passage, and tells which that is', async () => {
    const query = await split.encodeQuery('how do hedgehogs survive the winter');
    const document = await passagesOf(LONG);
    const alone = await split.encodeDocuments(
      document.views.map(({ place }) => LONG.slice(place!.start, place!.end)),
    );
    const each = (
      await split.score(
        query,
        alone.map(({ states }) => states),
      )
    ).scores;
    const best = Math.max(...each);
    const others = await split.encodeDocuments(['A hedgehog.', sentence(2)]);
    const company = [others[0]!.states, document.states, others[1]!.states];
    const { scores, passages } = await split.score(query, company);
    expect(scores[1]).toBeCloseTo(best, 4);
    expect(each[passages[1]!]).toBeCloseTo(best, 4);
    expect([passages[0], passages[2]]).toEqual([0, 0]);
  });
});

describe('a document whose neighbouring tokens are merged', () => {
  it('has a third less of each passage, and the vectors of all of it', async () => {
    for (const text of [sentence(1), LONG]) {
      const [all, kept] = [await passagesOf(text), await passagesOf(text, merged)];
      expect(kept.vector).toEqual(all.vector);
      expect(kept.header).toMatchObject({ splitting: merged.splitting, truncated: false });
      expect(kept.views).toHaveLength(all.views.length);
      for (const [at, { tokens }] of kept.views.entries())
        expect(tokens / all.views[at]!.tokens).toBeCloseTo(2 / 3, 1);
    }
  });

  it('is stale where all tokens are wanted, and the other way round', async () => {
    const [all] = await plain.encodeDocuments([sentence(1)]);
    const [kept] = await merged.encodeDocuments([sentence(1)]);
    const bundleId = plain.bundle.id;
    expect(checkStates(kept!.states, { bundleId, splitting: split.splitting }).kind).toBe('split-otherwise');
    expect(checkStates(all!.states, { bundleId, splitting: merged.splitting }).kind).toBe('split-otherwise');
  });

  it('is ranked as by all of its tokens, by a trained model', async () => {
    const texts = [
      'In autumn a hedgehog eats as much as it can, so that it is fat enough to survive the winter in its nest.',
      'Hedgehogs hibernate in a nest of leaves from November until spring, living on their body fat.',
      'The hedgehog is a small mammal with spines on its back that eats beetles, worms and snails at night.',
      'Many birds fly south before the winter comes, because they find too little to eat in the snow.',
      'The toy shop sells hedgehogs made of wood in winter, at a low price that nobody can resist.',
      'The council met in the town hall and spoke for hours about the new road to the harbour.',
    ];
    const scores: Float32Array[] = [];
    for (const kept of ['all', 'merged'] as const) {
      const model = await openModel(undefined, { threads: 1, passages: { ...passages, kept } });
      const documents = await model.encodeDocuments(texts);
      const query = await model.encodeQuery('how do hedgehogs survive the winter');
      const states = documents.map((document) => document.states);
      scores.push((await model.score(query, states)).scores);
      await model.close();
    }
    const [all, fewer] = scores as [Float32Array, Float32Array];
    const ranked = (found: Float32Array) => [...found.keys()].sort((a, b) => found[b]! - found[a]!);
    expect(ranked(fewer)).toEqual(ranked(all));
  }, 60_000);
});

describe('what is asked of a splitting', () => {
  const bundle = { limits: { documentTokens: 64, queryTokens: 16 }, stateTokens: 'all' } as const;
  const asked = (changes: object) => splittingOf(bundle, { ...passages, ...changes });

  it('is held to what the bundle can read', () => {
    expect(asked({})).toEqual({ tokens: 64, overlap: 0, most: 4, rule: 1 });
    expect(asked({ tokens: 32, overlap: 8 })).toEqual({ tokens: 32, overlap: 8, most: 4, rule: 1 });
    expect(asked({ tokens: 500, overlap: 50 })).toEqual({ tokens: 64, overlap: 32, most: 4, rule: 1 });
  });

  it('is no splitting where a text has one passage, whatever may overlap', () => {
    expect(asked({ most: 1, overlap: 8 })).toEqual({ tokens: 64, overlap: 0, most: 1, rule: 1 });
    expect(splittingOf(bundle)).toEqual({ tokens: 64, overlap: 0, most: 1, rule: 1 });
    expect(asked({ most: 1, kept: 'merged' })).toEqual({ tokens: 64, overlap: 0, most: 1, rule: 2 });
  });

  it('keeps the tokens that the bundle was trained to read, unless others are asked for', () => {
    const trained = { ...bundle, stateTokens: 'merged' } as const;
    expect(splittingOf(trained)).toEqual({ tokens: 64, overlap: 0, most: 1, rule: 2 });
    expect(splittingOf(trained, { ...passages, kept: 'all' })).toMatchObject({ rule: 1 });
  });
});
