/**
 * Small runs whose metrics were worked out by hand, and equal what trec_eval prints for them
 * (`trec_eval -c -m ndcg_cut.10 -m recip_rank -m recall.100`; recip_rank with `-M 10` in the last).
 * 1/log2(2…11) = 1, 0.630930, 0.5, 0.430677, 0.386853, 0.356207, 0.333333, 0.315465, 0.301030, 0.289065.
 */
import { describe, expect, test } from 'vitest';
import { rate } from '../../../src/evaluate/measure.ts';
import { mean } from '../../../src/evaluate/metrics.ts';

interface Case {
  readonly grades: Readonly<Record<string, number>>;
  readonly ids: readonly string[];
  readonly 'ndcg@10': number;
  readonly 'mrr@10': number;
  readonly 'recall@100': number;
}

const named = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}${at + 1}`);
const twelveRelevant = Object.fromEntries(named('r', 12).map((id) => [id, 1]));

const cases: Readonly<Record<string, Case>> = {
  // DCG = 2 × 0.630930 + 3 × 0.5 + 0 + 1 × 0.386853 = 3.148713; ideal 3, 3, 2, 1: 3 + 1.892789 + 1 + 0.430677 = 6.323466.
  'graded judgements, one unjudged and one irrelevant document in the answer': {
    grades: { a: 3, b: 2, c: 1, d: 0, e: 3 },
    ids: ['unjudged', 'b', 'a', 'd', 'c'],
    'ndcg@10': 3.148713 / 6.323466,
    'mrr@10': 1 / 2,
    'recall@100': 3 / 4,
  },
  // Of equal scores trec_eval takes the larger id first, so y stands before x there: DCG = 1 × 0.630930.
  'scores that tie, in the order trec_eval gives them': {
    grades: { x: 1, y: 0 },
    ids: ['y', 'x'],
    'ndcg@10': 0.63093,
    'mrr@10': 1 / 2,
    'recall@100': 1,
  },
  // The other order of the same tie, as an engine may answer; it counts as it came.
  'scores that tie, in the order of the answer': {
    grades: { x: 1, y: 0 },
    ids: ['x', 'y'],
    'ndcg@10': 1,
    'mrr@10': 1,
    'recall@100': 1,
  },
  // With -c, a query that the run lacks counts 0 in every mean.
  'an empty answer': { grades: { m: 2, n: 1 }, ids: [], 'ndcg@10': 0, 'mrr@10': 0, 'recall@100': 0 },
  'a query without relevant documents': {
    grades: { p: 0, q: -1 },
    ids: ['p', 'q'],
    'ndcg@10': 0,
    'mrr@10': 0,
    'recall@100': 0,
  },
  // DCG = 0 + 1 × 0.630930; ideal = 1.
  'a grade below 0': {
    grades: { s: -2, f: 1 },
    ids: ['s', 'f'],
    'ndcg@10': 0.63093,
    'mrr@10': 1 / 2,
    'recall@100': 1,
  },
  // Ranks 1 to 3, 12 and 101: DCG = 1 + 0.630930 + 0.5 = 2.130930; ideal of ten ones = 4.543559; four of twelve.
  'relevant documents behind rank 10 and behind rank 100': {
    grades: twelveRelevant,
    ids: ['r1', 'r2', 'r3', ...named('z', 8), 'r4', ...named('w', 88), 'r5'],
    'ndcg@10': 2.13093 / 4.543559,
    'mrr@10': 1,
    'recall@100': 4 / 12,
  },
  // Rank 11 is behind -M 10.
  'a first relevant document at rank 11': {
    grades: { late: 1 },
    ids: [...named('z', 10), 'late'],
    'ndcg@10': 0,
    'mrr@10': 0,
    'recall@100': 1,
  },
};

describe('metrics agree with trec_eval', () => {
  test.each(Object.entries(cases))('on %s', (_, { grades, ids, ...expected }) => {
    const query = { id: 'q', text: '', grades: new Map(Object.entries(grades)) };
    const row = rate(query, { ids }, 1);
    for (const metric of ['ndcg@10', 'mrr@10', 'recall@100'] as const) {
      expect(row[metric], metric).toBeCloseTo(expected[metric], 5);
    }
  });

  test('in the mean over all judged queries, answered or not', () => {
    const rows = Object.values(cases).map(({ grades, ids }, at) =>
      rate({ id: `q${at}`, text: '', grades: new Map(Object.entries(grades)) }, { ids }, 1),
    );
    // (0.497941 + 0.630930 + 1 + 0 + 0 + 0.630930 + 0.469000 + 0) / 8
    expect(mean(rows.map((row) => row['ndcg@10']))).toBeCloseTo(3.228801 / 8, 5);
    // (1/2 + 1/2 + 1 + 0 + 0 + 1/2 + 1 + 0) / 8
    expect(mean(rows.map((row) => row['mrr@10']))).toBeCloseTo(3.5 / 8, 12);
  });
});
