/** States of documents that have none stored, encoded on first sight and kept in memory. */
import { LRUCache } from 'lru-cache';
import type { Model } from '../model/model.ts';
import { contentHash } from '../states/hash.ts';

/** Documents encoded in one go: few enough that a deadline between two goes is met closely. */
const GO = 8;

export interface LiveStates {
  /**
   * States of `texts` in their order; undefined for what was not encoded when `signal` fired. A text that is
   * being encoded for another search is waited for, not encoded again.
   */
  of(texts: readonly string[], signal: AbortSignal): Promise<readonly (Uint8Array | undefined)[]>;
}

export function openLiveStates(model: Model, limitBytes: number): LiveStates {
  const kept = new LRUCache<string, Uint8Array>({
    maxSize: limitBytes,
    sizeCalculation: (states) => states.byteLength,
  });
  const coming = new Map<string, Promise<Uint8Array>>();

  /** Starts one go and announces each of its texts, so that others wait for it. */
  function encode(
    go: readonly (readonly [hash: string, text: string])[],
    signal: AbortSignal,
  ): Promise<Uint8Array>[] {
    const texts = go.map(([, text]) => text);
    const encoded = model.encodeDocuments(texts, { priority: 'search', signal });
    return go.map(([hash], at) => {
      const one = encoded.then((documents) => documents[at]!.states);
      coming.set(hash, one);
      one.then((states) => kept.set(hash, states), ignore).finally(() => coming.delete(hash));
      return one;
    });
  }

  return {
    async of(texts, signal) {
      const hashes = texts.map(contentHash);
      const got = new Map<string, Uint8Array>();
      const wanted = new Map<string, string>();
      const awaited: Promise<unknown>[] = [];
      hashes.forEach((hash, at) => {
        const states = kept.get(hash);
        if (states) got.set(hash, states);
        else if (coming.has(hash))
          awaited.push(coming.get(hash)!.then((late) => got.set(hash, late), ignore));
        else wanted.set(hash, texts[at]!);
      });
      const missing = [...wanted];
      for (let at = 0; at < missing.length && !signal.aborted; at += GO) {
        const go = missing.slice(at, at + GO);
        const states = await unlessAborted(Promise.all(encode(go, signal)), signal);
        states?.forEach((bytes, place) => {
          got.set(go[place]![0], bytes);
        });
      }
      await unlessAborted(Promise.all(awaited), signal);
      return hashes.map((hash) => got.get(hash));
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
