import type { VectorClause, VectorQuery } from '../port.ts';

export const vectorClause: VectorClause = { key: 'query_vector', field: 'member' };

/** Top-level `knn`; candidates per shard are twice the hits wanted, at least 100, as the engine's guide advises. */
export function vectorSearch({ field, vector, k }: VectorQuery): Record<string, unknown> {
  return { size: k, knn: { field, query_vector: [...vector], k, num_candidates: Math.max(100, 2 * k) } };
}
