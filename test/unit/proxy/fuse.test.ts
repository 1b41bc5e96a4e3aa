import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fuse } from '../../../src/proxy/fuse.ts';

describe('reciprocal rank fusion', () => {
  test('adds 1 / (60 + rank) over the rankings', () => {
    // a 1/61 = 0.016393 · b 1/62 + 1/63 = 0.032002 · c 1/63 + 1/61 = 0.032266 · d 1/62 = 0.016129
    expect(
      fuse(
        [
          ['a', 'b', 'c'],
          ['c', 'd', 'b'],
        ],
        100,
      ),
    ).toEqual(['c', 'b', 'a', 'd']);
  });

  test('puts what both found behind the first places before the first place of one alone', () => {
    // both: 1/100 + 1/100 = 0.02; alone: 1/61 = 0.016393.
    const behind = (own: string) => [own, ...Array.from({ length: 38 }, (_, at) => `${own}${at}`), 'both'];
    expect(fuse([behind('x'), behind('y')], 1)).toEqual(['both']);
  });

  test('keeps equal sums in the order of the first ranking, then of the second', () => {
    expect(
      fuse(
        [
          ['a', 'b'],
          ['b', 'a'],
        ],
        100,
      ),
    ).toEqual(['a', 'b']);
    expect(fuse([['a'], ['b']], 100)).toEqual(['a', 'b']);
    expect(fuse([['b'], ['a']], 100)).toEqual(['b', 'a']);
  });

  test('leaves one ranking as it is, and an empty one without effect', () => {
    const ids = fc.uniqueArray(fc.string(), { maxLength: 60 });
    fc.assert(
      fc.property(ids, (ranking) => {
        expect(fuse([ranking], 100)).toEqual(ranking);
        expect(fuse([[], ranking, []], 100)).toEqual(ranking);
      }),
    );
  });

  test('holds every document of the rankings once, down to the depth', () => {
    const ids = fc.uniqueArray(fc.nat(80).map(String), { maxLength: 60 });
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 150 }), (first, second, depth) => {
        const fused = fuse([first, second], depth);
        const all = new Set([...first, ...second]);
        expect(fused).toHaveLength(Math.min(depth, all.size));
        expect(new Set(fused).size).toBe(fused.length);
        expect(fused.every((id) => all.has(id))).toBe(true);
      }),
    );
  });
});
