/** What the same request has written before: a later item of a bulk request sees it, the cluster does not yet. */
import { LRUCache } from 'lru-cache';
import type { Current, DocumentKey } from './current.ts';

/**
 * Bytes that are remembered of one request. What falls out is read from the cluster, where it may be older; the
 * hash tells then.
 */
const KEPT_BYTES = 8 << 20;

export interface RecentWrites {
  /** `known: false` where the request has not written the document, or it fell out. */
  get(key: DocumentKey): { readonly known: false } | { readonly known: true; readonly current: Current };
  set(key: DocumentKey, current: Current): void;
}

export function rememberWrites(): RecentWrites {
  const kept = new LRUCache<string, { readonly current: Current }>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ current }) => 100 + (Buffer.isBuffer(current) ? current.length : 0),
  });
  return {
    get(key) {
      const found = kept.get(nameOf(key));
      return found ? { known: true, current: found.current } : { known: false };
    },
    set(key, current) {
      // A copy of its own: what lies in a chunk would hold the whole chunk.
      kept.set(nameOf(key), { current: Buffer.isBuffer(current) ? Buffer.from(current) : current });
    },
  };
}

function nameOf({ index, id }: DocumentKey): string {
  return JSON.stringify([index, id]);
}
