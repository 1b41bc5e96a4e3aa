import type { VectorQuery } from '../port.ts';

export function vectorSearch({ field, vector, k }: VectorQuery): Record<string, unknown> {
  return { size: k, query: { knn: { [field]: { vector: [...vector], k } } } };
}
