import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkStates } from '../../../src/states/check.ts';

const bundleId = '0123456789abcdef';

describe.each(['v1-three-tokens', 'v1-int4', 'v2-int8', 'v2-int4', 'v2-float16'])(
  'bytes that are not what was stored as %s',
  (name) => {
    const bytes = readFileSync(new URL(`golden/${name}.bin`, import.meta.url));

    it('are corrupt when any single bit has changed', () => {
      for (let at = 0; at < bytes.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const changed = Uint8Array.from(bytes);
          changed[at]! ^= 1 << bit;
          expect(checkStates(changed, { bundleId }).kind, `byte ${at}, bit ${bit}`).toBe('corrupt');
        }
      }
    });

    it('are corrupt when cut short or longer', () => {
      for (let length = 0; length < bytes.length; length++) {
        expect(checkStates(bytes.subarray(0, length), { bundleId }).kind).toBe('corrupt');
      }
      expect(checkStates(Buffer.concat([bytes, Buffer.alloc(1)]), { bundleId }).kind).toBe('corrupt');
    });

    it('are corrupt, and nothing is thrown, whatever they are', () => {
      const behindAHeader = fc
        .uint8Array({ maxLength: 200 })
        .map((tail) => Buffer.concat([bytes.subarray(0, 6), tail]));
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), behindAHeader), (junk) => {
          expect(checkStates(junk, { bundleId }).kind).toBe('corrupt');
        }),
      );
    });
  },
);
