/** How long this process kept its event loop from the next turn. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds that the loop was late, by the clock, since it was asked last: also while others had the core. */
export interface LoopDelays {
  readonly longestMs: number;
  readonly p99Ms: number;
}

const EVERY_MS = 1;

/** Gives the delays and begins anew. */
export function watchLoop(): () => LoopDelays {
  const delays = monitorEventLoopDelay({ resolution: EVERY_MS });
  delays.enable();
  return () => {
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - EVERY_MS);
    const found = { longestMs: late(delays.max), p99Ms: late(delays.percentile(99)) };
    delays.reset();
    return found;
  };
}
