import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeNeighbours } from '../../../src/states/merge.ts';

/** States of two values each. */
function merged(...rows: readonly (readonly [number, number])[]): readonly (readonly number[])[] {
  const out = mergeNeighbours(Float32Array.from(rows.flat()), 2);
  return Array.from({ length: out.length / 2 }, (_, at) => [...out.subarray(2 * at, 2 * at + 2)]);
}

describe('merging neighbours', () => {
  it('puts the mean in place of the two that are most alike, whatever their size', () => {
    expect(merged([1, 0], [0, 1], [4, 0], [2, 0.1], [0, 1])).toEqual([
      [1, 0],
      [0, 1],
      [3, expect.closeTo(0.05)],
      [0, 1],
    ]);
  });

  it('leaves the first and the last as they are, however alike their neighbours', () => {
    expect(merged([1, 0], [1, 0], [0, 1], [0, 1])).toHaveLength(3);
    expect(merged([1, 0], [1, 0], [0, 1])).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('takes a token into one pair only', () => {
    const same = [1, 0] as const;
    expect(merged(same, same, same, same, same, same, same)).toHaveLength(5);
  });

  it('leaves no token out, keeps their order, and takes a third of them away at most', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 40 }), (values) => {
        const count = values.length;
        // Behind a value that makes some alike, each state has a mark of its own.
        const states = values.flatMap((value, row) => [value, ...values.map((_, at) => Number(at === row))]);
        const out = mergeNeighbours(Float32Array.from(states), count + 1);
        const tokens = Array.from({ length: out.length / (count + 1) }, (_, row) =>
          [...out.subarray(row * (count + 1) + 1, (row + 1) * (count + 1))].flatMap((mark, at) =>
            mark ? [at] : [],
          ),
        );
        expect(tokens.flat()).toEqual([...values.keys()]);
        expect(tokens.every(({ length }) => length <= 2)).toBe(true);
        expect(tokens.length).toBeGreaterThanOrEqual(count - Math.floor(count / 3));
        if (count > 0) expect([tokens[0], tokens.at(-1)]).toEqual([[0], [count - 1]]);
      }),
    );
  });
});
