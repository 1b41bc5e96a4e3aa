/** What every benchmark writes: `{machine, conditions, ratios, rows}`. */
import type { MachineFacts } from './machine.ts';

export interface BenchReport {
  readonly machine: MachineFacts;
  readonly conditions: Readonly<Record<string, string | number>>;
  /** Named figures that are measured side by side in one run, so that they carry over to other machines. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
}

/** The middle of `values`, the mean of both middles where they are even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Four digits say what a measurement can. */
export function rounded<T extends Readonly<Record<string, number>>>(figures: T): T {
  const entries = Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(4))]);
  return Object.fromEntries(entries) as T;
}
