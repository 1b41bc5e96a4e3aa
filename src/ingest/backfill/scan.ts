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
/** Times a page is asked for, and views are opened without a further document, before the fault is given up to. */
const TRIES = 5;

/** The cluster no longer has the view: a node of it is gone, or the page before took longer than views are kept. */
class ViewLost extends MiceError {}

/**
 * Each document once. A view that is lost is followed by another, which shows the documents of now.
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
  const seen = new Set<string>();
  const isNew = ({ _id, _routing }: StandingHit) => {
    const before = seen.size;
    return seen.add(JSON.stringify([_id, _routing])).size > before;
  };
  for (let tries = 1; ; tries++) {
    try {
      for await (const hits of viewedSlice(engine, index, slice, search, signal)) {
        const further = hits.filter(isNew);
        if (further.length === 0) continue;
        tries = 1;
        yield further;
      }
      return;
    } catch (fault) {
      if (!(fault instanceof ViewLost) || tries >= TRIES) throw fault;
      await pause(200 * 2 ** tries);
    }
  }
}

async function* viewedSlice(
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
    const { status, body: answer } = await view.search(body);
    if (status === 200 && answer?._shards?.failed === 0) return answer.hits.hits;
    if ((status === 429 || status === 503) && tries < TRIES) {
      await pause(200 * 2 ** tries);
      continue;
    }
    const reason = answer?.error?.reason ?? `status ${status}`;
    const isLost = status === 200 || status === 404 || status >= 500;
    throw new (isLost ? ViewLost : MiceError)(
      'upstream-refused',
      `The cluster did not give the documents of a slice: ${reason}`,
    );
  }
}
