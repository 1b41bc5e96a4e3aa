import { objectMapping } from '../mapping.ts';
import type { IndexBody, MiceFields } from '../port.ts';

/**
 * `knn_vector` with the engine named: the default is faiss, whose native library a node may lack, and a node
 * without it dies at the first vector it indexes.
 */
export function indexBody(fields: MiceFields): IndexBody {
  return {
    settings: { index: { knn: true } },
    mappings: objectMapping(fields, {
      type: 'knn_vector',
      dimension: fields.vectorDims,
      method: { name: 'hnsw', engine: 'lucene', space_type: 'cosinesimil' },
    }),
  };
}
