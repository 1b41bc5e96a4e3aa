/** The documents of a slice, page by page, from a view that no write changes. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, IndexView } from '../../engine/port.ts';
import { MiceError } from '../../errors.ts';
import type { StandingHit } from '../stores/store.ts';

export interface Slice {
  readonly number: number;
  /** A multiple of the index's shards: then each slice lies in one shard, and document numbers order it. */
  readonly of: number;
}

/** Documents of one page. */
const PAGE = 256;
/** Times a page is asked for before the fault of the cluster is given up to. */
const TRIES = 5;

/**
 * @param search members of the search body: query and what the hits shall hold
 * @throws MiceError `upstream-refused`, `upstream-unreachable`, the reason of `signal`
 */
export async function* scanSlice(
  engine: Engine,
  index: string,
  slice: Slice,
  search: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): AsyncGenerator<readonly StandingHit[]> {
  const view = await engine.openView(index);
  try {
    let after: readonly unknown[] | undefined;
    while (true) {
      signal.throwIfAborted();
      const hits: readonly StandingHit[] = await page(view, slice, search, after);
      if (hits.length > 0) yield hits;
      if (hits.length < PAGE) return;
      after = hits.at(-1)!.sort;
    }
  } finally {
    await view.close();
  }
}

async function page(
  view: IndexView,
  { number, of }: Slice,
  search: Readonly<Record<string, unknown>>,
  after: readonly unknown[] | undefined,
): Promise<readonly StandingHit[]> {
  const body = {
    ...search,
    size: PAGE,
    track_total_hits: false,
    sort: [{ _doc: 'asc' }],
    // By id: numbers of documents differ between copies of a shard, so only this parts each view alike.
    ...(of > 1 && { slice: { field: '_id', id: number, max: of } }),
    ...(after && { search_after: after }),
  };
  for (let tries = 1; ; tries++) {
    const answer = await view.search(body);
    if (answer.status === 200 && answer.body?._shards?.failed === 0) return answer.body.hits.hits;
    const busy = answer.status === 429 || answer.status === 503;
    if (!busy || tries === TRIES) {
      const reason = answer.body?.error?.reason ?? `status ${answer.status}`;
      throw new MiceError('upstream-refused', `The cluster did not give the documents of a slice: ${reason}`);
    }
    await pause(200 * 2 ** tries);
  }
}
