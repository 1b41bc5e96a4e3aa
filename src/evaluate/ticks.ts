/** Round numbers along an axis. */

/** 1, 2 and 5 times the powers of ten from `low` to `high`; both above 0. */
export function logTicks(low: number, high: number): readonly number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 2, 5]) {
      const tick = Number(`${factor}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Between three and eight multiples of 1, 2 or 5 times a power of ten from `low` to `high`, `low` < `high`. */
export function linearTicks(low: number, high: number): readonly number[] {
  // Steps are at most 2.5 times apart, so the smallest one that fits 7.5 times at most fits 3 times at least.
  const rough = (high - low) / 7.5;
  const power = Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * 10 ** power).find((size) => size >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
}
