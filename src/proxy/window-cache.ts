/**
 * The order of a window, kept for the search's later pages: they cost no scoring and agree with the first page.
 * Kept is an order only, of hits known by index and id; every page is cut from the cluster's own, current answer
 * to its caller, and only where that answer still holds the same hits with the same content.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { LRUCache } from 'lru-cache';
import type { HitPlace } from './hits.ts';
import type { Ranked } from './order.ts';
import type { DegradeReason } from './verdicts.ts';

export interface KeptWindow {
  /** In their new order. */
  readonly hits: readonly KeptHit[];
  readonly scored: number;
  /** Why some have no score. */
  readonly reason: DegradeReason | undefined;
}

interface KeptHit {
  readonly name: string;
  readonly content: number;
  readonly score: number | undefined;
}

export interface WindowCache {
  get(key: string): KeptWindow | undefined;
  set(key: string, window: KeptWindow): void;
}

export function openWindowCache(limitBytes: number, keepMs: number): WindowCache {
  if (limitBytes === 0) return { get: () => undefined, set: () => {} };
  const kept = new LRUCache<string, KeptWindow>({
    maxSize: limitBytes,
    sizeCalculation: ({ hits }) => hits.reduce((sum, { name }) => sum + 2 * name.length + 64, 200),
    ttl: keepMs,
  });
  return { get: (key) => kept.get(key), set: (key, window) => void kept.set(key, window) };
}

/** Headers that say nothing about what may be seen or how it is ranked; all others are part of the key. */
const indifferent: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'baggage',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'host',
  'keep-alive',
  'te',
  'traceparent',
  'tracestate',
  'transfer-encoding',
  'user-agent',
  'x-elastic-client-meta',
  'x-opaque-id',
  'x-request-id',
]);

/**
 * What an order depends on: the search but for its page, the model, and who asks.
 * @param basis digest of the search, see the plan
 */
export function windowKey(basis: string, model: string, { rawHeaders }: IncomingMessage): string {
  const hash = createHash('sha256').update(basis).update(model);
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase();
    // What controls change of an order is in the basis.
    if (!indifferent.has(name) && !name.startsWith('x-mice'))
      hash.update(JSON.stringify([name, rawHeaders[at + 1]]));
  }
  return hash.digest('base64');
}

/** Undefined where hits cannot be told apart: two of one id, under different routing. */
export function keptWindow(
  answer: Buffer,
  candidates: readonly HitPlace[],
  order: readonly Ranked[],
  reason: DegradeReason | undefined,
): KeptWindow | undefined {
  const names = candidates.map(nameOf);
  if (new Set(names).size !== names.length) return undefined;
  return {
    hits: order.map(({ place, score }) => ({
      name: names[place] as string,
      content: contentOf(answer, candidates[place] as HitPlace),
      score,
    })),
    scored: order.filter(({ score }) => score !== undefined).length,
    reason,
  };
}

/** The kept order of these candidates; undefined where they are not the same hits any more. */
export function orderIn(
  kept: KeptWindow,
  answer: Buffer,
  candidates: readonly HitPlace[],
): readonly Ranked[] | undefined {
  const places = new Map(candidates.map((hit, place) => [nameOf(hit), place]));
  if (places.size !== candidates.length || kept.hits.length !== candidates.length) return undefined;
  const order: Ranked[] = [];
  for (const { name, content, score } of kept.hits) {
    const place = places.get(name);
    if (place === undefined || contentOf(answer, candidates[place] as HitPlace) !== content) return undefined;
    order.push({ place, score });
  }
  return order;
}

function nameOf({ index, id }: HitPlace): string {
  return `${index}\n${id}`;
}

/** A checksum of what the caller sees of a hit but for its score, which may differ from copy to copy of a shard. */
function contentOf(answer: Buffer, { span, score, added }: HitPlace): number {
  const gone = [...added, ...(score ? [score] : [])].sort((a, b) => a.start - b.start);
  let sum = 0;
  let at = span.start;
  for (const { start, end } of gone) {
    sum = crc32(answer.subarray(at, start), sum);
    at = end;
  }
  return crc32(answer.subarray(at, span.end), sum);
}
