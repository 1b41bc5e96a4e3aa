/** Asks every query of a data set in one mode, and measures answers and times. */
import type { JudgedQuery } from './dataset.ts';
import { ndcg, recall, reciprocalRank } from './metrics.ts';
import type { Ranked } from './modes.ts';

/** Asked before the clock runs, and once more with it: connections are open and code is compiled by then. */
const WARM_UP_QUERIES = 5;

export interface QueryRow {
  readonly query: string;
  readonly 'ndcg@10': number;
  readonly 'mrr@10': number;
  readonly 'recall@100': number;
  /** From the question to the parsed answer, at the client. */
  readonly latencyMs: number;
  /** The proxy's `x-mice`, in a mode that asks it. */
  readonly verdict?: string;
}

export interface MeasureOptions {
  /** Queries in flight; 1 asks them one after the other. */
  readonly concurrency: number;
  readonly onAsked?: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** The metrics of one answer. */
export function rate({ id, grades }: JudgedQuery, { ids, verdict }: Ranked, latencyMs: number): QueryRow {
  return {
    query: id,
    'ndcg@10': ndcg(ids, grades, 10),
    'mrr@10': reciprocalRank(ids, grades, 10),
    'recall@100': recall(ids, grades, 100),
    latencyMs,
    ...(verdict === undefined ? {} : { verdict }),
  };
}

/** One row per query, in the order of `queries`. At the first fault no more are asked. */
export async function measure(
  queries: readonly JudgedQuery[],
  search: (query: JudgedQuery) => Promise<Ranked>,
  options: MeasureOptions,
): Promise<readonly QueryRow[]> {
  for (const query of queries.slice(0, WARM_UP_QUERIES)) {
    options.signal?.throwIfAborted();
    await search(query);
  }
  const rows = new Array<QueryRow>(queries.length);
  const waiting = [...queries.entries()];
  const ask = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, query] = next;
      options.signal?.throwIfAborted();
      const startedMs = performance.now();
      const ranked = await search(query);
      rows[at] = rate(query, ranked, performance.now() - startedMs);
      options.onAsked?.();
    }
  };
  const leave = (fault: unknown) => {
    waiting.length = 0;
    throw fault;
  };
  await Promise.all(Array.from({ length: options.concurrency }, () => ask().catch(leave)));
  return rows;
}
