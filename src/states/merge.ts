/** Fewer states of a passage, for a third less to store and to score. */
import { cosine } from './cosine.ts';

/** Tokens that are gone at most, of so many. */
export function mostMerged(tokens: number): number {
  return Math.floor(tokens / 3);
}

/** Tokens that there were at most, where so many are left. */
export function mostBefore(kept: number): number {
  return Math.floor((kept * 3) / 2);
}

/**
 * The most alike pairs of neighbouring tokens become their means, until a third of the tokens is gone. The first and the
 * last stay: what a tokenizer puts around a text is no neighbour of its words.
 * @param states row-major, tokens × dims
 */
export function mergeNeighbours(states: Float32Array, dims: number): Float32Array {
  const count = states.length / dims;
  const row = (at: number) => states.subarray(at * dims, (at + 1) * dims);
  const firsts = Array.from({ length: Math.max(0, count - 3) }, (_, at) => at + 1);
  const alike = new Map(firsts.map((first) => [first, cosine(row(first), row(first + 1))]));
  firsts.sort((a, b) => alike.get(b)! - alike.get(a)! || a - b);
  const merged = new Set<number>();
  for (const first of firsts) {
    if (merged.size === mostMerged(count)) break;
    if (![first - 1, first, first + 1].some((other) => merged.has(other))) merged.add(first);
  }
  const out = new Float32Array((count - merged.size) * dims);
  for (let at = 0, next = 0; at < count; next++) {
    const kept = out.subarray(next * dims, (next + 1) * dims);
    kept.set(row(at));
    if (merged.has(at)) {
      const other = row(at + 1);
      for (let i = 0; i < dims; i++) kept[i] = (kept[i]! + other[i]!) / 2;
      at += 1;
    }
    at += 1;
  }
  return out;
}
