/** Documents that lack fresh states, found and repaired now and then: written past the proxy, by script, or reindexed. */
import { setTimeout as pause } from 'node:timers/promises';
import { type BackfillOptions, type BackfillSummary, backfill } from './backfill/backfill.ts';
import { companionName } from './stores/companion.ts';
import { outlivedCompanions } from './stores/outlived.ts';

export interface SweeperOptions
  extends Omit<BackfillOptions, 'query' | 'lacking' | 'signal' | 'parallel' | 'onProgress'> {
  /** Names of indices, aliases or data streams. */
  readonly indices: readonly string[];
  readonly intervalMs: number;
  readonly onSwept: (summary: BackfillSummary) => void;
  /** How long the index of a companion that is deleted must have been gone. */
  readonly keptMs?: number;
  /** Told when an index could not be swept, or companions not looked through; it is tried again the next time. */
  readonly onFault: (error: unknown, index: string) => void;
}

export interface Sweeper {
  /** Resolves when the sweep under way has given its work back. */
  close(): Promise<void>;
}

/** Sweeps at once, and then at every interval after the end of the last. Several processes share the work. */
export function startSweeper(options: SweeperOptions): Sweeper {
  const stopped = new AbortController();
  const ended = sweepUntil(stopped.signal, options);
  return {
    async close() {
      stopped.abort(new Error('the sweeper was stopped'));
      await ended;
    },
  };
}

async function sweepUntil(signal: AbortSignal, options: SweeperOptions): Promise<void> {
  const removeOutlived = outlivedCompanions(options);
  while (!signal.aborted) {
    for (const index of options.indices) {
      try {
        const summaries = await backfill(index, { ...options, lacking: true, parallel: 1, signal });
        for (const summary of summaries) options.onSwept(summary);
      } catch (error) {
        if (signal.aborted) return;
        options.onFault(error, index);
      }
    }
    await removeOutlived().catch((error: unknown) => {
      if (!signal.aborted) options.onFault(error, companionName('*', options.object));
    });
    await pause(options.intervalMs, undefined, { signal }).catch(() => {});
  }
}
