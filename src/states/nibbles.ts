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

/** The four values of two bytes as one of 32: 256 KiB, which stay in a core's cache, for a quarter of the time. */
const QUADS = Uint32Array.from({ length: 1 << 16 }, (_, two) => PAIRS[two & 255]! | (PAIRS[two >> 8]! << 16));

/** Packs values in −7 … 7, an even number of them, into half as many bytes. */
export function packNibbles(values: Int8Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    out[i] = (values[2 * i]! + OFFSET) | ((values[2 * i + 1]! + OFFSET) << 4);
  }
}

/** Unpacks twice as many values as `packed` has bytes to `out`, which starts at an even byte of its buffer. */
export function unpackNibbles(packed: Uint8Array, out: Int8Array): void {
  const { buffer, byteOffset, length } = packed;
  if (length % 2 === 0 && byteOffset % 2 === 0 && out.byteOffset % 4 === 0) {
    const twos = new Uint16Array(buffer, byteOffset, length / 2);
    const quads = new Uint32Array(out.buffer, out.byteOffset, twos.length);
    for (let i = 0; i < twos.length; i++) quads[i] = QUADS[twos[i]!]!;
    return;
  }
  const pairs = new Uint16Array(out.buffer, out.byteOffset, length);
  for (let i = 0; i < length; i++) pairs[i] = PAIRS[packed[i]!]!;
}
