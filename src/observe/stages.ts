/** Time a search spends in each stage; stages may overlap, so they need not add up. */

import { inSpan } from './trace.ts';

export type Stage = 'upstream' | 'neighbours' | 'query' | 'queue' | 'states' | 'score' | 'total';

/** Milliseconds by stage. */
export type StageTimes = Readonly<Partial<Record<Stage, number>>>;

export interface StageClock {
  /** Adds the time of what `work` does, until its promise settles. */
  time<T>(stage: Stage, work: () => Promise<T>): Promise<T>;
  readonly timesMs: StageTimes;
}

export function startStageClock(): StageClock {
  const timesMs: Partial<Record<Stage, number>> = {};
  return {
    timesMs,
    async time(stage, work) {
      const startedMs = performance.now();
      try {
        return await inSpan(`mice.${stage}`, work);
      } finally {
        timesMs[stage] = (timesMs[stage] ?? 0) + performance.now() - startedMs;
      }
    },
  };
}

/** A `server-timing` header value, e.g. `upstream;dur=8.1, score;dur=12.4`. */
export function serverTiming(times: StageTimes): string {
  return Object.entries(times)
    .map(([stage, ms]) => `${stage};dur=${ms.toFixed(2)}`)
    .join(', ');
}

/** Reads a `server-timing` header (W3C Server Timing, `name;dur=ms`). */
export function stageTimesOf(header: string): StageTimes {
  const stages = header.matchAll(/([a-z]+);dur=([\d.]+)/g);
  return Object.fromEntries(Array.from(stages, ([, stage, ms]) => [stage as Stage, Number(ms)]));
}
