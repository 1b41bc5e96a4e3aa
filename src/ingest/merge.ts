/** What a partial update makes of a document, as both engines merge it: objects by member, all else replaced. */
import { isDeepStrictEqual } from 'node:util';

type Members = Readonly<Record<string, unknown>>;

export function merged(current: Members, change: Members): Members {
  const result: Record<string, unknown> = { ...current };
  for (const [key, value] of Object.entries(change)) {
    const had = Object.hasOwn(current, key) ? current[key] : undefined;
    const both = isObject(had) && isObject(value) ? merged(had, value) : value;
    // Assigning to __proto__ would set the prototype.
    Object.defineProperty(result, key, { value: both, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

/** Whether merging `change` into `current` leaves it as it is, which the engines answer with `noop`. */
export function changesNothing(current: Buffer | string, change: Buffer | string): boolean {
  const [now, wanted] = [exact(current), exact(change)];
  return isObject(now) && isObject(wanted) && holds(now, wanted);
}

function holds(current: Members, change: Members): boolean {
  return Object.entries(change).every(([key, value]) => {
    if (!Object.hasOwn(current, key)) return false;
    const had = current[key];
    return isObject(had) && isObject(value) ? holds(had, value) : isDeepStrictEqual(had, value);
  });
}

/**
 * A number as the engines compare it: integers of any length by their digits, `-0` being 0; others as doubles, and
 * 1 is not 1.0.
 */
class Written {
  readonly value: bigint | number;
  constructor(digits: string) {
    this.value = /^-?\d+$/.test(digits) ? BigInt(digits) : Number(digits);
  }
}

function exact(json: Buffer | string): unknown {
  const revive = (_key: string, value: unknown, context: { source?: string }) =>
    typeof value === 'number' ? new Written(context.source ?? String(value)) : value;
  // The third argument of a reviver is in the language (ES2025), not yet in its type.
  return JSON.parse(json.toString(), revive as (key: string, value: unknown) => unknown);
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Written);
}
