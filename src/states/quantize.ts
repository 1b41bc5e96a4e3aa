/**
 * int8 or int4 with one scale per row, bit for bit the rule of `training/mice_train/quantize.py`, in float32
 * throughout: scale = max|x| / L, q = clamp(floor(x / scale + 0.5), −L, L), where L is the largest level of the
 * dtype, and a zero row has scale 0.
 */

/** The largest level of each dtype. */
export const LEVELS = { int8: 127, int4: 7 } as const;

const { fround, floor, abs, max, min } = Math;

/** Quantises `row` into `out` (as long as `row`) and returns the scale. The values of `row` are finite. */
export function quantizeRow(row: Float32Array, out: Int8Array, level: number = LEVELS.int8): number {
  let largest = 0;
  for (const value of row) largest = max(largest, abs(value));
  const scale = fround(largest / level);
  if (scale === 0) {
    out.fill(0);
    return 0;
  }
  // Each step is rounded to float32 as the training code rounds it; without fround a tie may fall the other way.
  for (let i = 0; i < row.length; i++) {
    out[i] = max(-level, min(level, floor(fround(fround(row[i]! / scale) + 0.5))));
  }
  return scale;
}

/** Row i of `rows` is `rows[i·dims … (i+1)·dims)`; scales has one entry per row. */
export function quantizeRows(
  rows: Float32Array,
  dims: number,
  scales: Float32Array,
  out: Int8Array,
  level: number = LEVELS.int8,
): void {
  for (let i = 0; i < scales.length; i++) {
    const from = i * dims;
    scales[i] = quantizeRow(rows.subarray(from, from + dims), out.subarray(from, from + dims), level);
  }
}

/** q × scale in float32. */
export function dequantizeRow(q: Int8Array, scale: number): Float32Array {
  return Float32Array.from(q, (value) => value * scale);
}
