import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePaired, holm } from '../../../src/evaluate/significance.ts';

/** Three standard errors of an estimate from 10,000 flips, at p = 0.25 or below. */
const TOLERANCE = 0.013;

describe('the paired randomisation test', () => {
  test('finds no difference between a mode and itself', () => {
    expect(comparePaired([0.2, 0.9, 0.4], [0.2, 0.9, 0.4])).toEqual({ difference: 0, pValue: 1 });
  });

  test('agrees with the exact test: four equal gains are as extreme as 2 of 16 sign patterns', () => {
    const { difference, pValue } = comparePaired([0, 0, 0, 0], [0.1, 0.1, 0.1, 0.1]);
    expect(difference).toBeCloseTo(0.1, 12);
    expect(Math.abs(pValue - 2 / 16)).toBeLessThan(TOLERANCE);
  });

  test('agrees with the exact test where gains differ: |1+2+4−1| or more in 6 of 16 patterns', () => {
    // Differences 1, 2, 4, −1 sum to 6. Of all ± patterns of {1, 2, 4, 1}: |8| twice, |6| four times. 6 of 16.
    const { pValue } = comparePaired([0, 0, 0, 1], [1, 2, 4, 0]);
    expect(Math.abs(pValue - 6 / 16)).toBeLessThan(TOLERANCE * 1.2);
  });

  test('tells a small steady gain over many queries from chance', () => {
    const first = Array.from({ length: 200 }, (_, at) => (at % 10) / 10);
    const better = first.map((value, at) => value + (at % 3 === 0 ? -0.01 : 0.02));
    expect(comparePaired(first, better).pValue).toBeLessThan(0.001);
  });

  test('does not depend on which mode comes first, and repeats', () => {
    const values = fc.array(
      fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(values, (pairs) => {
        const [a, b] = [pairs.map(([value]) => value), pairs.map(([, value]) => value)];
        const [forth, back] = [comparePaired(a, b), comparePaired(b, a)];
        expect(back.pValue).toBe(forth.pValue);
        expect(back.difference).toBeCloseTo(-forth.difference, 12);
        expect(comparePaired(a, b)).toEqual(forth);
      }),
      { numRuns: 20 },
    );
  });

  test('needs pairs', () => {
    expect(() => comparePaired([1], [1, 2])).toThrow(RangeError);
  });
});

describe('the correction for many comparisons', () => {
  test('multiplies the smallest p-value by their number, the next by one less, and keeps their order', () => {
    // 0.01 × 4 = 0.04 · 0.02 × 3 = 0.06 · 0.025 × 2 = 0.05, but not below 0.06 · 0.9 × 1
    expect(holm([0.9, 0.02, 0.01, 0.025])).toEqual([0.9, 0.06, 0.04, 0.06]);
  });

  test('gives nothing above 1, and leaves a single one alone', () => {
    expect(holm([0.7, 0.8])).toEqual([1, 1]);
    expect(holm([0.03])).toEqual([0.03]);
    expect(holm([])).toEqual([]);
  });
});
