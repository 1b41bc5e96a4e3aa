/** States that were encoded on sight, written to the cluster: what was read once by a search is stored. */
import { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/port.ts';
import type { EncodingModel } from '../model/model.ts';
import type { StatesCache } from '../states/cache.ts';
import { startPace } from './backfill/pace.ts';
import { writeStates } from './backfill/writer.ts';
import type { DocumentKey } from './current.ts';
import type { StatesByHash } from './known-states.ts';
import type { Placing } from './stores/placing.ts';
import type { SelectionOf } from './text.ts';

export interface WriteBackNeeds {
  readonly engine: Engine;
  readonly model: Pick<EncodingModel, 'bundle' | 'splitting'>;
  /** Whether each passage's vector is written too. */
  readonly passageVectors?: boolean;
  readonly cache: Pick<StatesCache, 'get'>;
  /** Name of the object that holds our fields. */
  readonly object: string;
  readonly selectionOf: SelectionOf;
  readonly placing: Placing;
  readonly onWritten: (documents: number) => void;
  readonly onFault: (error: unknown) => void;
}

export interface WriteBack {
  /** Never waits and never fails: documents that come too fast are left for the next search that meets them. */
  offer(documents: readonly DocumentKey[]): void;
  /** Resolves when nothing is under way. */
  settled(): Promise<void>;
  /** Takes no more, and waits for what is under way. */
  close(): Promise<void>;
}

/** Documents that wait at most, and that are written at a time. */
const WAITING = 2000;
const AT_ONCE = 64;
/** Searches meet a document without states until a refresh shows those that were written; it is left alone so long. */
const LEFT_MS = 60_000;

/** With the service's own credentials; only documents of indices that have a store, and only what the cache holds. */
export function openWriteBack(needs: WriteBackNeeds): WriteBack {
  const waiting = new Map<string, DocumentKey>();
  const taken = new LRUCache<string, true>({ max: 10_000, ttl: LEFT_MS });
  let running: Promise<void> | undefined;
  let closed = false;

  async function run(): Promise<void> {
    while (waiting.size > 0) {
      const part = [...waiting].slice(0, AT_ONCE);
      for (const [name] of part) {
        waiting.delete(name);
        taken.set(name, true);
      }
      await write(
        part.map(([, key]) => key),
        needs,
      ).catch((error: unknown) => {
        for (const [name] of part) taken.delete(name);
        needs.onFault(error);
      });
    }
    running = undefined;
  }

  return {
    offer(documents) {
      if (closed) return;
      for (const key of documents) {
        if (waiting.size >= WAITING) break;
        const name = JSON.stringify([key.index, key.id]);
        if (!taken.has(name)) waiting.set(name, key);
      }
      running ??= run();
    },
    settled: async () => void (await running),
    async close() {
      closed = true;
      waiting.clear();
      await running;
    },
  };
}

async function write(keys: readonly DocumentKey[], needs: WriteBackNeeds): Promise<void> {
  const { engine, model, cache, object, passageVectors, selectionOf, placing, onWritten } = needs;
  const byIndex = Map.groupBy(keys, ({ index }) => index);
  for (const [index, documents] of byIndex) {
    if ((await placing.of(index)) === 'cache') continue;
    const selection = selectionOf(index);
    const { bundle, splitting } = model;
    const store = await placing.storeOf(index, {
      ...{ engine, object, model: bundle.model, selection, splitting, passageVectors },
    });
    const read = (await store.read(await store.fetch(documents))).filter(
      ({ standing, hash }) => (standing === 'stale' || standing === 'missing') && cache.get(hash),
    );
    const encode = async (texts: ReadonlyMap<string, string>) => cached(texts.keys(), cache);
    const { written } = await writeStates(read, { store, encode, pace: startPace(0) });
    onWritten(written);
  }
}

/** In place of the model: a text that changed meanwhile, and is not in the cache, is left for its next reader. */
function cached(hashes: Iterable<string>, cache: Pick<StatesCache, 'get'>): StatesByHash {
  const found = new Map<string, Uint8Array>();
  for (const hash of hashes) {
    const states = cache.get(hash);
    if (!states) throw new Error('a document changed while its states were written back');
    found.set(hash, states);
  }
  return found;
}
