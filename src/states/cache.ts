/** States by content hash, kept for a while: in memory, and behind it on disk where that is set up. */
import { LRUCache } from 'lru-cache';

export interface StatesCache {
  get(hash: string): Uint8Array | undefined;
  set(hash: string, states: Uint8Array): void;
  /** As `set`, in memory only: for states that are stored elsewhere anyway. */
  remember(hash: string, states: Uint8Array): void;
  /** As `get`, from memory only. */
  recall(hash: string): Uint8Array | undefined;
  /** Forgets what is in memory, and closes what is on disk. */
  close(): Promise<void>;
}

/** What keeps states where they outlive the process. */
export interface StatesShelf {
  get(hash: string): Uint8Array | undefined;
  put(hash: string, states: Uint8Array): void;
  close(): Promise<void>;
}

/** The least recently used go first. States over the whole limit are not kept. */
export function openMemoryCache(limitBytes: number, shelf?: StatesShelf): StatesCache {
  const kept = new LRUCache<string, Uint8Array>({
    maxSize: limitBytes,
    sizeCalculation: (states) => states.byteLength,
  });
  return {
    get(hash) {
      const states = kept.get(hash) ?? shelf?.get(hash);
      if (states) kept.set(hash, states);
      return states;
    },
    set(hash, states) {
      kept.set(hash, states);
      shelf?.put(hash, states);
    },
    remember: (hash, states) => void kept.set(hash, states),
    recall: (hash) => kept.get(hash),
    async close() {
      kept.clear();
      await shelf?.close();
    },
  };
}
