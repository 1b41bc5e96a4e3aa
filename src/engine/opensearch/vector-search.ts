import type { VectorClause, VectorQuery } from '../port.ts';

export const vectorClause: VectorClause = { key: 'vector', field: 'key' };

export function vectorSearch({ field, vector, k }: VectorQuery): Record<string, unknown> {
  return { size: k, query: { knn: { [field]: { vector: [...vector], k } } } };
}
