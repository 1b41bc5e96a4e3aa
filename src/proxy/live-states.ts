/** States of documents that have none stored, encoded on first sight and kept in memory. */
import { MiceError } from '../errors.ts';
import type { ComputeOptions, Model } from '../model/model.ts';
import { openMemoryCache, type StatesCache } from '../states/cache.ts';
import { contentHash } from '../states/hash.ts';

/** Documents encoded in one go where a deadline may come: few, so that it is met closely between two goes. */
const GO = 8;

export interface LiveStates {
  /**
   * States of `texts` in their order; undefined for what was not encoded when `signal` fired. A text that is
   * being encoded for another search is waited for, not encoded again.
   */
  of(texts: readonly string[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]>;
  /** As `of`, all of them or, when the signal fires, none. @throws MiceError `aborted` */
  all(texts: readonly string[], options: ComputeOptions): Promise<readonly Uint8Array[]>;
}

/** Whom texts are encoded for, and how many in one go. */
interface Way {
  readonly priority: NonNullable<ComputeOptions['priority']>;
  readonly signal: AbortSignal;
  readonly go: number;
}

/** @param kept where states are remembered; in memory, up to `limitBytes`, unless given */
export function openLiveStates(
  model: Model,
  limitBytes: number,
  kept: StatesCache = openMemoryCache(limitBytes),
): LiveStates {
  const coming = new Map<string, Promise<Uint8Array>>();

  /** Starts one go and announces each of its texts, so that others wait for it. */
  function encode(
    go: readonly (readonly [hash: string, text: string])[],
    { priority, signal }: Way,
  ): Promise<Uint8Array>[] {
    const texts = go.map(([, text]) => text);
    const encoded = model.encodeDocuments(texts, { priority, signal });
    return go.map(([hash], at) => {
      const one = encoded.then((documents) => documents[at]!.states);
      coming.set(hash, one);
      one.then((states) => kept.set(hash, states), ignore).finally(() => coming.delete(hash));
      return one;
    });
  }

  /** Adds to `got` what is kept, what is being encoded for others, and what is encoded now. */
  async function gather(texts: ReadonlyMap<string, string>, got: Map<string, Uint8Array>, way: Way) {
    const missing: (readonly [hash: string, text: string])[] = [];
    const awaited: Promise<unknown>[] = [];
    for (const [hash, text] of texts) {
      const states = kept.get(hash);
      if (states) got.set(hash, states);
      else if (coming.has(hash)) awaited.push(coming.get(hash)!.then((late) => got.set(hash, late), ignore));
      else missing.push([hash, text]);
    }
    for (let at = 0; at < missing.length && !way.signal.aborted; at += way.go) {
      const go = missing.slice(at, at + way.go);
      const states = await unlessAborted(Promise.all(encode(go, way)), way.signal);
      states?.forEach((bytes, place) => {
        got.set(go[place]![0], bytes);
      });
    }
    await unlessAborted(Promise.all(awaited), way.signal);
  }

  async function load(texts: readonly string[], way: Way): Promise<readonly (Uint8Array | undefined)[]> {
    const hashes = texts.map(contentHash);
    const lacking = new Map(hashes.map((hash, at) => [hash, texts[at]!]));
    const got = new Map<string, Uint8Array>();
    // Once more for what others began and gave up.
    do {
      await gather(lacking, got, way);
      for (const hash of got.keys()) lacking.delete(hash);
    } while (lacking.size > 0 && !way.signal.aborted);
    return hashes.map((hash) => got.get(hash));
  }

  return {
    of: (texts, signal) => load(texts, { priority: 'search', signal, go: GO }),
    async all(texts, { priority = 'search', signal = new AbortController().signal }) {
      const states = await load(texts, { priority, signal, go: Number.POSITIVE_INFINITY });
      if (states.every((bytes) => bytes !== undefined)) return states;
      throw new MiceError('aborted', 'The caller left before all documents were encoded.');
    },
  };
}

/** What `promise` gives, or undefined as soon as `signal` fires. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const stop = () => resolve(undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await Promise.race([
      promise.catch((error) => (signal.aborted ? undefined : Promise.reject(error))),
      aborted,
    ]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function ignore(): void {}
