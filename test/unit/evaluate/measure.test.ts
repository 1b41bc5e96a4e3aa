import { describe, expect, test } from 'vitest';
import type { JudgedQuery } from '../../../src/evaluate/dataset.ts';
import { measure, rate } from '../../../src/evaluate/measure.ts';

const queries: readonly JudgedQuery[] = Array.from({ length: 20 }, (_, at) => ({
  id: `q${at}`,
  text: `question ${at}`,
  grades: new Map([[`d${at}`, 1]]),
}));

test('an answer is rated with the grades of its query', () => {
  const row = rate(queries[3]!, { ids: ['d1', 'd3'], verdict: 'reranked; window=100' }, 12.5);
  expect(row).toEqual({
    query: 'q3',
    'ndcg@10': expect.closeTo(0.63093, 5),
    'mrr@10': 0.5,
    'recall@100': 1,
    latencyMs: 12.5,
    verdict: 'reranked; window=100',
  });
});

describe('measuring', () => {
  test('gives one row per query in the order of the queries, however the answers come', async () => {
    const search = async ({ id }: JudgedQuery) => {
      await new Promise((resolve) => setTimeout(resolve, id === 'q0' ? 20 : 1));
      return { ids: [id.replace('q', 'd')] };
    };
    const rows = await measure(queries, search, { concurrency: 4 });
    expect(rows.map(({ query }) => query)).toEqual(queries.map(({ id }) => id));
    expect(rows.every((row) => row['ndcg@10'] === 1)).toBe(true);
  });

  test.each([1, 3])('keeps %i queries in flight and no more', async (concurrency) => {
    let [inFlight, most] = [0, 0];
    const search = async () => {
      inFlight += 1;
      most = Math.max(most, inFlight);
      await new Promise((resolve) => setTimeout(resolve, 2));
      inFlight -= 1;
      return { ids: [] };
    };
    await measure(queries, search, { concurrency });
    expect(most).toBe(concurrency);
  });

  test('warms up with the first five, which count once', async () => {
    const asked: string[] = [];
    const search = async ({ id }: JudgedQuery) => {
      asked.push(id);
      return { ids: [] };
    };
    expect(await measure(queries, search, { concurrency: 1 })).toHaveLength(20);
    expect(asked).toEqual(['q0', 'q1', 'q2', 'q3', 'q4', ...queries.map(({ id }) => id)]);
  });

  test('ends when the caller leaves', async () => {
    const leaving = new AbortController();
    const search = async () => {
      leaving.abort(new Error('left'));
      return { ids: [] };
    };
    await expect(measure(queries, search, { concurrency: 2, signal: leaving.signal })).rejects.toThrow(
      'left',
    );
  });

  test('asks no more after the first fault, whoever meets it', async () => {
    let asked = 0;
    const search = async ({ id }: JudgedQuery) => {
      asked += 1;
      if (id === 'q7') throw new Error('refused');
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { ids: [] };
    };
    await expect(measure(queries, search, { concurrency: 2 })).rejects.toThrow('refused');
    const then = asked;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toBe(then);
    expect(then).toBeLessThan(5 + 10);
  });
});
