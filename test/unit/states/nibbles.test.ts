import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNibbles, unpackNibbles } from '../../../src/states/nibbles.ts';

const values = fc
  .array(fc.tuple(fc.integer({ min: -7, max: 7 }), fc.integer({ min: -7, max: 7 })), { maxLength: 300 })
  .map((pairs) => Int8Array.from(pairs.flat()));

function packed(unpacked: Int8Array): Uint8Array {
  const out = new Uint8Array(unpacked.length / 2);
  packNibbles(unpacked, out);
  return out;
}

describe('two values a byte', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(values, (all) => {
        expect(unpackNibbles(packed(all))).toEqual(all);
      }),
    );
  });

  it('lie with the first in the low half, as value + 8', () => {
    expect([...packed(Int8Array.of(-7, 7, 0, -1))]).toEqual([0xf1, 0x78]);
  });

  it('are read from anywhere in a buffer', () => {
    const slab = Uint8Array.of(0, 0xf1, 0x78);
    expect([...unpackNibbles(slab.subarray(1))]).toEqual([-7, 7, 0, -1]);
  });
});
