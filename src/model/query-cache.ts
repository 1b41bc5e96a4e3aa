/** Encodings of queries that were asked lately. The same text always has the same encoding. */
import { LRUCache } from 'lru-cache';
import type { EncodedQuery } from './model.ts';

export interface QueryCache {
  get(text: string): EncodedQuery | undefined;
  set(text: string, query: EncodedQuery): void;
}

/** The least recently used go first; 0 bytes keep none. */
export function openQueryCache(limitBytes: number): QueryCache {
  if (limitBytes === 0) return { get: () => undefined, set: () => {} };
  return new LRUCache<string, EncodedQuery>({
    maxSize: limitBytes,
    sizeCalculation: ({ states, vector }, text) => states.byteLength + vector.byteLength + 2 * text.length,
  });
}
