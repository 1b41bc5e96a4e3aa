import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openDataset } from '../../../src/evaluate/open-dataset.ts';
import { directoryOf, gather, storedRun } from './collection.ts';

async function open(value: unknown, name = 'run.json') {
  const json = JSON.stringify(value);
  const directory = await directoryOf({ [name]: name.endsWith('.gz') ? gzipSync(json) : json });
  return openDataset(join(directory, name));
}

describe('a file with a stored run', () => {
  test.each(['run.json', 'run.json.gz'])(
    '%s brings passages, grades and candidates in order',
    async (name) => {
      const dataset = await open(storedRun, name);
      expect(dataset).toMatchObject({ name: 'run', firstStage: 'stored', unknownQueries: 0 });
      expect(await gather(dataset.corpus.read())).toContainEqual({
        id: 'bees',
        title: '',
        text: 'Bees dance.',
      });
      expect(dataset.queries.map(({ id, candidates }) => [id, candidates])).toEqual([
        ['q1', ['bread', 'tides']],
        ['q2', ['bees', 'bread']],
      ]);
      expect(dataset.queries[0]!.grades.get('tides')).toBe(3);
    },
  );

  test.each<[string, object, string]>([
    ['a missing key', { ...storedRun, passages: undefined }, 'at passages'],
    ['a grade that is no whole number', { ...storedRun, qrels: { q1: { tides: 0.5 } } }, 'at qrels.q1.tides'],
    ['a judged query without candidates', { ...storedRun, bm25_top100: { q1: [] } }, 'at bm25_top100.q2'],
    ['an unknown candidate', { ...storedRun, bm25_top100: { q1: ['x'], q2: [] } }, 'q1: x is no passage'],
    ['a repeated candidate', { ...storedRun, bm25_top100: { q1: ['bees', 'bees'], q2: [] } }, 'listed twice'],
  ])('%s is named', async (_, value, message) => {
    await expect(open(value)).rejects.toMatchObject({
      code: 'data-invalid',
      message: expect.stringContaining(message),
    });
  });
});

describe('a path', () => {
  test.each(['/nowhere', import.meta.filename])(
    '%s that holds no data set is refused, with the forms',
    async (path) => {
      await expect(openDataset(path)).rejects.toMatchObject({
        code: 'data-invalid',
        message: expect.stringContaining(path),
        hint: expect.stringContaining('corpus.jsonl'),
      });
    },
  );
});
