/**
 * States that searches have read from documents, kept in memory by the hash of their text: for each index apart, so
 * that states which somebody wrote into one index are never used for documents of another.
 */
import { LRUCache } from 'lru-cache';
import type { StatesCache } from '../states/cache.ts';

/** Texts of which is remembered that their states were read once, and of which that there are none. */
const TEXTS = 50_000;
/** For how long states that were not there are not asked for again: they may be stored meanwhile. */
const ABSENT_MS = 60_000;

export interface SeenStates {
  get(index: string, hash: string): Uint8Array | undefined;
  /**
   * Told of states that a search has read. They are kept, as a copy, from the second time on: those of documents that
   * are found once only, most in many collections, take no room from others.
   * @returns whether they were kept before
   */
  saw(index: string, hash: string, states: Uint8Array): boolean;
  /** Told of states that were asked for by themselves and that the cluster did not have. */
  missed(index: string, hash: string): void;
  /** Whether they were not there lately, and asking again would only cost time. */
  isAbsent(index: string, hash: string): boolean;
}

export function openSeenStates(
  cache: Pick<StatesCache, 'recall' | 'remember'>,
  absentMs = ABSENT_MS,
): SeenStates {
  const readOnce = new LRUCache<string, true>({ max: TEXTS });
  const absent = new LRUCache<string, true>({ max: TEXTS, ttl: absentMs });
  return {
    get: (index, hash) => cache.recall(nameOf(index, hash)),
    saw(index, hash, states) {
      const name = nameOf(index, hash);
      if (cache.recall(name)) return true;
      if (readOnce.has(name)) cache.remember(name, states.slice());
      else readOnce.set(name, true);
      return false;
    },
    missed: (index, hash) => void absent.set(nameOf(index, hash), true),
    isAbsent: (index, hash) => absent.has(nameOf(index, hash)),
  };
}

/** No content hash by itself, under which the cache keeps states that were made here. */
function nameOf(index: string, hash: string): string {
  return `${index}/${hash}`;
}
