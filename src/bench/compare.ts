/** The ratios of a report beside those of an earlier one: what became slower shows, on whatever machine both ran. */
import type { BenchReport } from './report.ts';

export interface RatioChange {
  readonly ratio: string;
  readonly before: number;
  readonly now: number;
  /** Above 1 where it is better than before. */
  readonly gain: number;
  /** Whether it is worse by more than runs differ by themselves. */
  readonly isWorse: boolean;
}

/** Runs of one build differ by a tenth; a busy machine adds as much. */
const TOLERATED = 0.8;
/** A part of our own time, which is better when it is small. */
const SHARE = /Share$/;
/** What the machine can do, which no change of ours moves. */
const LIMIT = /^(gigaOperations|memoryGb)/;

/** Of the ratios that both reports have. */
export function compareRatios(
  before: Pick<BenchReport, 'ratios'>,
  now: Pick<BenchReport, 'ratios'>,
): readonly RatioChange[] {
  return Object.entries(now.ratios).flatMap(([ratio, value]) => {
    const earlier = before.ratios[ratio];
    if (earlier === undefined || LIMIT.test(ratio)) return [];
    const gain = SHARE.test(ratio) ? earlier / value : value / earlier;
    return [{ ratio, before: earlier, now: value, gain, isWorse: !(gain >= TOLERATED) }];
  });
}
