import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fairShare, sliceByLength } from '../../../src/model/slices.ts';

describe('slicing rows by length', () => {
  it('puts every row into exactly one slice that keeps the limits, a longer row alone', () => {
    const lengths = fc.array(fc.integer({ min: 2, max: 300 }), { maxLength: 60 });
    fc.assert(
      fc.property(
        lengths,
        fc.integer({ min: 2, max: 600 }),
        fc.integer({ min: 1, max: 9 }),
        (rows, tokens, most) => {
          const slices = sliceByLength(rows, { tokens, rows: most });
          expect(slices.flat().sort((a, b) => a - b)).toEqual(rows.map((_, row) => row));
          for (const slice of slices) {
            const padded = slice.length * Math.max(...slice.map((row) => rows[row]!));
            expect(slice.length).toBeLessThanOrEqual(most);
            expect(slice.length === 1 || padded <= tokens).toBe(true);
          }
        },
      ),
    );
  });

  it('keeps short rows away from long ones', () => {
    expect(sliceByLength([10, 200, 12, 190], { tokens: 400, rows: 9 })).toEqual([
      [0, 2],
      [3, 1],
    ]);
  });

  it('keeps rows of different lengths apart where nothing may be padded', () => {
    const limits = { tokens: 400, rows: 9, sameLength: true };
    expect(sliceByLength([10, 12, 10, 12, 11], limits)).toEqual([[0, 2], [4], [1, 3]]);
  });
});

describe('the fair share of a window', () => {
  it('is one slice a worker when that is large enough', () => {
    expect(fairShare(18_000, 8, 720, 3072)).toBe(2250);
  });

  it('is the same number of rounds for every worker when slices would be too large', () => {
    expect(fairShare(18_000, 2, 720, 3072)).toBe(3000);
  });

  it('is not so small that the cost of a slice shows', () => {
    expect(fairShare(1000, 8, 720, 3072)).toBe(720);
  });
});
