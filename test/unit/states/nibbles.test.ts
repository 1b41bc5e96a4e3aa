import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNibbles, unpackNibbles } from '../../../src/states/nibbles.ts';
import { GO_BYTES } from '../../../src/states/nibbles-module.ts';

const values = fc
  .array(fc.tuple(fc.integer({ min: -7, max: 7 }), fc.integer({ min: -7, max: 7 })), { maxLength: 300 })
  .map((pairs) => Int8Array.from(pairs.flat()));

function packed(values: Int8Array): Uint8Array {
  const out = new Uint8Array(values.length / 2);
  packNibbles(values, out);
  return out;
}

function unpacked(bytes: Uint8Array): Int8Array {
  const out = new Int8Array(2 * bytes.length);
  unpackNibbles(bytes, out);
  return out;
}

describe('two values a byte', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(values, (all) => {
        expect(unpacked(packed(all))).toEqual(all);
      }),
    );
  });

  it('lie with the first in the low half, as value + 8', () => {
    expect([...packed(Int8Array.of(-7, 7, 0, -1))]).toEqual([0xf1, 0x78]);
  });

  it('are read from anywhere in a buffer', () => {
    const slab = Uint8Array.of(0, 0xf1, 0x78);
    expect([...unpacked(slab.subarray(1))]).toEqual([-7, 7, 0, -1]);
  });

  it.each([1, 15, 16, 17, GO_BYTES - 1, GO_BYTES, GO_BYTES + 1, 3 * GO_BYTES + 5])(
    'are each what its half says, in %d bytes, whatever they are',
    (length) => {
      const bytes = Uint8Array.from({ length }, (_, at) => (at * 37) & 255);
      const said = Int8Array.from({ length: 2 * length }, (_, at) =>
        at % 2 === 0 ? (bytes[at / 2]! & 15) - 8 : (bytes[(at - 1) / 2]! >> 4) - 8,
      );
      expect(Buffer.compare(Buffer.from(unpacked(bytes).buffer), Buffer.from(said.buffer))).toBe(0);
    },
  );

  it('are written into the middle of what is there already', () => {
    const batch = new Int8Array(8).fill(9);
    unpackNibbles(Uint8Array.of(0xf1, 0x78), batch.subarray(2, 6));
    expect([...batch]).toEqual([9, 9, -7, 7, 0, -1, 9, 9]);
  });
});
