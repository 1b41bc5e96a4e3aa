/** Percentiles of measured times. */

/**
 * The nearest-rank percentile: the smallest of `values` that at least `percent` % of them do not exceed, so
 * always a value that was measured. NaN of nothing.
 *
 * @param percent above 0, at most 100
 */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
}
