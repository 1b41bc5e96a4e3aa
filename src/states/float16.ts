/** IEEE 754 half precision, as 16 bits a number: Node.js has no array of it before version 24. */

const LARGEST = 65504;
/** Smallest number with all 11 bits of precision; below it, steps are of 2^-24. */
const SMALLEST_NORMAL = 2 ** -14;

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

/** To the nearest half, ties to even; what is too large becomes the largest. `value` is finite. */
export function halfOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.min(Math.abs(value), LARGEST);
  if (size < SMALLEST_NORMAL) return sign | roundedToEven(size * 2 ** 24);
  single[0] = size;
  // Exponents of a single have a bias of 127, of a half 15. Rounding up may carry into the exponent, as it should.
  const scaled = bits[0]! - ((127 - 15) << 23);
  const kept = scaled >>> 13;
  const cut = scaled & 0x1fff;
  const up = cut > 0x1000 || (cut === 0x1000 && (kept & 1) === 1) ? 1 : 0;
  return sign | Math.min(kept + up, 0x7bff);
}

export function halfValue(half: number): number {
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return (half & 0x8000) === 0 ? size : -size;
}

function roundedToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
