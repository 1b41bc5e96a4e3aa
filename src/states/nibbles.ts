/**
 * int4 values, two a byte: value 2i in the low half, value 2i + 1 in the high half, each stored as value + 8. What is
 * quantised lies in −7 … 7, so a stored half is 1 … 15.
 */
import { GO_BYTES, input, OFFSET, output, unpackInput } from './nibbles-module.ts';

/** Packs values in −7 … 7, an even number of them, into half as many bytes. */
export function packNibbles(values: Int8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = (values[2 * i]! + OFFSET) | ((values[2 * i + 1]! + OFFSET) << 4);
  }
}

/** Unpacks twice as many values as `packed` has bytes to `out`. */
export function unpackNibbles(packed: Uint8Array, out: Int8Array): void {
  for (let start = 0; start < packed.length; start += GO_BYTES) {
    const part = packed.subarray(start, start + GO_BYTES);
    input.set(part);
    unpackInput(part.length);
    out.set(output.subarray(0, 2 * part.length), 2 * start);
  }
}
