/** How many documents at a time, and how many a second. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Pace {
  /** Documents of the next batch. */
  readonly batch: number;
  /** Told how long a batch took: the next one is to take about a second. */
  took(documents: number, ms: number): void;
  /** The cluster is busy. */
  slower(): void;
  /** Resolves when `documents` more are within the rate. @throws the reason of `signal` */
  admit(documents: number, signal: AbortSignal): Promise<void>;
}

const AIM_MS = 1000;
const FIRST = 32;
const LEAST = 4;
const MOST = 1000;

/** @param perSecond documents a second at most; 0 for no limit */
export function startPace(perSecond: number): Pace {
  let batch = perSecond > 0 ? Math.max(1, Math.min(FIRST, Math.round(perSecond))) : FIRST;
  let dueMs = performance.now();
  const set = (documents: number) => {
    const most = perSecond > 0 ? Math.max(1, Math.min(MOST, Math.round(perSecond))) : MOST;
    batch = Math.max(Math.min(LEAST, most), Math.min(most, Math.round(documents)));
  };
  return {
    get batch() {
      return batch;
    },
    took(documents, ms) {
      // A batch that was cut short by the end of its page says little of a full one.
      if (documents < batch / 2) return;
      const factor = AIM_MS / Math.max(ms, 1);
      set(documents * Math.min(2, Math.max(0.5, factor)));
    },
    slower: () => set(batch / 2),
    async admit(documents, signal) {
      if (perSecond <= 0) return;
      const waitMs = dueMs - performance.now();
      dueMs = Math.max(dueMs, performance.now()) + (documents / perSecond) * 1000;
      if (waitMs > 0) await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    },
  };
}
