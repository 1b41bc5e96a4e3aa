import type { VectorClause, VectorQuery } from '../port.ts';

export const vectorClause: VectorClause = { key: 'query_vector', field: 'member' };

/** Most candidates per shard that the engine takes. */
const MOST_CANDIDATES = 10_000;

/** Top-level `knn`; candidates per shard are twice the hits wanted, at least 100, as the engine's guide advises. */
export function vectorSearch(query: VectorQuery): Record<string, unknown> {
  return { size: query.k, knn: knnOf(query) };
}

export function vectorMembers(query: VectorQuery, filters: readonly string[]): string {
  const knn = JSON.stringify(knnOf(query)).slice(0, -1);
  return `"knn":${knn}${filters.length > 0 ? `,"filter":[${filters.join(',')}]` : ''}}`;
}

function knnOf({ field, vector, k }: VectorQuery) {
  const candidates = Math.min(MOST_CANDIDATES, Math.max(100, 2 * k));
  return { field, query_vector: [...vector], k, num_candidates: candidates };
}
