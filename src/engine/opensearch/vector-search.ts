import type { VectorClause, VectorQuery } from '../port.ts';

export const vectorClause: VectorClause = { key: 'vector', field: 'key' };

export function vectorSearch({ field, vector, k }: VectorQuery): Record<string, unknown> {
  return { size: k, query: { knn: { [field]: { vector: [...vector], k } } } };
}

export function vectorMembers({ field, vector, k }: VectorQuery, filters: readonly string[]): string {
  const clause = JSON.stringify({ vector: [...vector], k }).slice(0, -1);
  const under = filters.length > 0 ? `,"filter":{"bool":{"filter":[${filters.join(',')}]}}` : '';
  return `"query":{"knn":{${JSON.stringify(field)}:${clause}${under}}}}`;
}
