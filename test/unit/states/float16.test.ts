import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { halfOf, halfValue } from '../../../src/states/float16.ts';

describe('half precision', () => {
  it('has the bits that IEEE 754 gives it', () => {
    const known: readonly (readonly [number, number])[] = [
      ...([
        [0, 0],
        [-0, 0x8000],
        [1, 0x3c00],
        [-2, 0xc000],
        [65504, 0x7bff],
      ] as const),
      ...([
        [2 ** -14, 0x0400],
        [2 ** -24, 0x0001],
        [1023 * 2 ** -24, 0x03ff],
        [1 / 3, 0x3555],
      ] as const),
    ];
    for (const [number, half] of known) expect(halfOf(number), String(number)).toBe(half);
  });

  it('gives back every half as it is', () => {
    const all = Array.from({ length: 2 * 0x7c00 }, (_, at) => (at >> 1) | ((at & 1) << 15));
    expect(all.filter((half) => halfOf(halfValue(half)) !== half)).toEqual([]);
  });

  it('is the nearest half, of two the even one', () => {
    const all = Array.from({ length: 0x7bff }, (_, half) => half);
    const between = (half: number) => (halfValue(half) + halfValue(half + 1)) / 2;
    expect(all.filter((half) => halfOf(between(half)) !== half + (half % 2))).toEqual([]);
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -70_000, max: 70_000 }), (number) => {
        const half = halfOf(number) & 0x7fff;
        const off = Math.abs(halfValue(half) - Math.min(Math.abs(number), 65504));
        for (const near of [half - 1, half + 1].filter((at) => at >= 0 && at < 0x7c00))
          expect(off).toBeLessThanOrEqual(Math.abs(halfValue(near) - Math.min(Math.abs(number), 65504)));
      }),
    );
  });
});
