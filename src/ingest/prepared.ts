/** Which indices have our fields: only their documents get them, or dynamic mapping would guess their types. */
import { LRUCache } from 'lru-cache';
import type { Engine } from '../engine/port.ts';

/** A prepared index stays so; one that is not may be set up at any moment. */
const PREPARED_MS = 60_000;
const UNPREPARED_MS = 1_000;

export type IsPrepared = (index: string) => Promise<boolean>;

/**
 * Asks the cluster with the service's own credentials, and remembers for a while.
 * @param onFault told when the cluster does not say; the index then counts as not prepared
 */
export function openPrepared(engine: Engine, object: string, onFault: (error: unknown) => void): IsPrepared {
  const known = new LRUCache<string, Promise<boolean>>({ max: 10_000 });
  return (index) => {
    const remembered = known.get(index);
    if (remembered) return remembered;
    const asked = engine
      .describeIndex(index)
      // A first write makes the index, as its template says.
      .then(async (live) => live ?? (await engine.describeNewIndex(index)))
      .then((body) => body !== undefined && hasStates(body.mappings, object));
    known.set(index, asked, { ttl: UNPREPARED_MS });
    asked.then(
      (prepared) => known.set(index, asked, { ttl: prepared ? PREPARED_MS : UNPREPARED_MS }),
      (error: unknown) => {
        known.delete(index);
        onFault(error);
      },
    );
    return asked.catch(() => false);
  };
}

export function hasStates(mappings: Readonly<Record<string, unknown>>, object: string): boolean {
  const properties = mappings['properties'] as
    | Record<string, { properties?: { states?: { type?: string } } }>
    | undefined;
  return properties?.[object]?.properties?.states?.type === 'binary';
}
