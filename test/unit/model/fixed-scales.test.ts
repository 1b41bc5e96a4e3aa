import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { tinyBundle, tinyFixedBundle } from '../../support/tiny-bundle.ts';

const texts = [
  'How to sort the result of a search by score',
  'Load a document',
  'A node writes new data in order of time. The cluster counts terms, and a key has a value.',
  'what is a vector?',
  'Memory: use 2 GB or 64% of the server',
];
/** Of one score; random weights are harder on eight bits than trained ones. The scores of a question are farther apart. */
const ROUNDING = 0.4;

const opened: Model[] = [];
beforeAll(async () => {
  for (const directory of [tinyBundle, tinyFixedBundle])
    opened.push(await openModel(directory, { threads: 1 }));
});
afterAll(async () => {
  for (const model of opened) await model.close();
});

async function scoresBy(model: Model, question: string): Promise<readonly number[]> {
  const query = await model.encodeQuery(question);
  const states = (await model.encodeDocuments(texts)).map((document) => document.states);
  const { scores } = await model.score(query, states);
  for (const [at, one] of states.entries()) {
    const alone = await model.score(query, [one]);
    expect(Math.abs(alone.scores[0]! - scores[at]!)).toBeLessThan(1e-4);
  }
  return [...scores];
}

it.each(['sort by score', 'vector', 'what uses the memory of a node?'])(
  'scores with fixed scales are those without, but for rounding, whatever else is scored: %s',
  async (question) => {
    const [blocks, fixed] = opened as [Model, Model];
    expect(fixed.bundle.id).not.toBe(blocks.bundle.id);
    const expected = await scoresBy(blocks, question);
    const given = await scoresBy(fixed, question);
    given.forEach((score, at) => {
      expect(Math.abs(score - expected[at]!)).toBeLessThan(ROUNDING);
    });
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(ROUNDING);
  },
);
