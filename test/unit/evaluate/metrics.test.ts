/** Every expected value is worked out by hand from trec_eval's definitions; log2(3) = 1.584963, log2(5) = 2.321928. */
import { describe, expect, test } from 'vitest';
import { mean, ndcg, recall, reciprocalRank } from '../../../src/evaluate/metrics.ts';

const graded = new Map([
  ['best', 3],
  ['good', 2],
  ['fair', 1],
  ['poor', 0],
]);

describe('nDCG', () => {
  test('is 1 in the ideal order', () => {
    expect(ndcg(['best', 'good', 'fair', 'poor'], graded, 10)).toBe(1);
  });

  test('divides the grade by log2(rank + 1): linear gain, not 2^grade − 1', () => {
    // DCG   = 0/1 + 3/1.584963 + 0/2 + 2/2.321928       = 1.892789 + 0.861353 = 2.754142
    // ideal = 3/1 + 2/1.584963 + 1/2                    = 3 + 1.261860 + 0.5  = 4.761860
    expect(ndcg(['poor', 'best', 'unjudged', 'good'], graded, 10)).toBeCloseTo(2.754142 / 4.76186, 5);
  });

  test('cuts the ideal order at k as well', () => {
    // DCG@2 = 1/1 + 3/1.584963 = 2.892789; ideal@2 = 3/1 + 2/1.584963 = 4.261860
    expect(ndcg(['fair', 'best', 'good'], graded, 2)).toBeCloseTo(2.892789 / 4.26186, 5);
  });

  test('counts relevant documents that were not found in the ideal order', () => {
    // DCG = 3/1; ideal = 4.761860
    expect(ndcg(['best'], graded, 10)).toBeCloseTo(3 / 4.76186, 5);
  });

  test('gives nothing for a grade below 0, and takes nothing away', () => {
    // DCG = max(-2, 0)/1 + 1/1.584963 = 0.630930; ideal = 1/1
    const grades = new Map([
      ['spam', -2],
      ['fair', 1],
    ]);
    expect(ndcg(['spam', 'fair'], grades, 10)).toBeCloseTo(0.63093, 5);
  });

  test('is 0 for an empty answer, and for a query nothing answers', () => {
    expect(ndcg([], graded, 10)).toBe(0);
    expect(ndcg(['poor'], new Map([['poor', 0]]), 10)).toBe(0);
  });

  test('takes the order as given: no re-sorting by document id', () => {
    const grades = new Map([['zebra', 1]]);
    expect(ndcg(['zebra', 'ant'], grades, 10)).toBe(1);
    expect(ndcg(['ant', 'zebra'], grades, 10)).toBeCloseTo(0.63093, 5);
  });
});

describe('the reciprocal rank', () => {
  test('is that of the first document with grade 1 or more', () => {
    expect(reciprocalRank(['poor', 'unjudged', 'fair', 'best'], graded, 10)).toBeCloseTo(1 / 3, 12);
  });

  test('is 0 when that document stands behind k', () => {
    expect(reciprocalRank(['a', 'b', 'best'], graded, 3)).toBeCloseTo(1 / 3, 12);
    expect(reciprocalRank(['a', 'b', 'c', 'best'], graded, 3)).toBe(0);
  });
});

describe('recall', () => {
  test('is the share of the documents with grade 1 or more that were found', () => {
    expect(recall(['best', 'poor', 'fair'], graded, 100)).toBeCloseTo(2 / 3, 12);
  });

  test('counts the first k only', () => {
    expect(recall(['poor', 'x', 'best'], graded, 2)).toBe(0);
  });

  test('is 0 for a query nothing answers', () => {
    expect(recall(['poor'], new Map([['poor', 0]]), 100)).toBe(0);
  });
});

test('the mean of nothing is 0', () => {
  expect(mean([])).toBe(0);
  expect(mean([1, 2, 6])).toBe(3);
});
