/**
 * int4 values, two a byte: value 2i in the low half, value 2i + 1 in the high half, each stored as value + 8. What is
 * quantised lies in −7 … 7, so a stored half is 1 … 15.
 */

const OFFSET = 8;

/** The two values of each byte as one number of 16 bits, so that a byte is unpacked by one read and one write. */
const PAIRS = pairsOfBytes();

function pairsOfBytes(): Uint16Array {
  const values = new Int8Array(2 * 256);
  for (let byte = 0; byte < 256; byte++) {
    values[2 * byte] = (byte & 15) - OFFSET;
    values[2 * byte + 1] = (byte >> 4) - OFFSET;
  }
  return new Uint16Array(values.buffer);
}

/** Packs values in −7 … 7, an even number of them, into half as many bytes. */
export function packNibbles(values: Int8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = (values[2 * i]! + OFFSET) | ((values[2 * i + 1]! + OFFSET) << 4);
  }
}

/** Unpacks twice as many values as `packed` has bytes to `out`, which starts at an even byte of its buffer. */
export function unpackNibbles(packed: Uint8Array, out: Int8Array): void {
  const pairs = new Uint16Array(out.buffer, out.byteOffset, packed.length);
  for (let i = 0; i < packed.length; i++) pairs[i] = PAIRS[packed[i]!]!;
}
