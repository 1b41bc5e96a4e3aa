/** How long this process kept its event loop from the next turn. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds since it was asked last. */
export interface LoopDelays {
  /** By the clock: how late the loop was, also while others had the core. */
  readonly longestMs: number;
  readonly p99Ms: number;
  /**
   * Processor time of the loop's thread between two looks at most, which is what the work itself takes; undefined where
   * Node.js does not tell (before 23.9).
   */
  readonly busyMs: number | undefined;
}

const EVERY_MS = 1;

/** Gives the delays and begins anew. */
export function watchLoop(): () => LoopDelays {
  const delays = monitorEventLoopDelay({ resolution: EVERY_MS });
  delays.enable();
  const takeBusiest = watchThread();
  return () => {
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - EVERY_MS);
    const found = { longestMs: late(delays.max), p99Ms: late(delays.percentile(99)), busyMs: takeBusiest() };
    delays.reset();
    return found;
  };
}

function watchThread(): () => number | undefined {
  let last = threadCpuMs();
  if (last === undefined) return () => undefined;
  let busiest = 0;
  setInterval(() => {
    const now = threadCpuMs()!;
    busiest = Math.max(busiest, now - last!);
    last = now;
  }, EVERY_MS).unref();
  return () => {
    const found = busiest;
    busiest = 0;
    return found;
  };
}

function threadCpuMs(): number | undefined {
  if (process.threadCpuUsage === undefined) return undefined;
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
