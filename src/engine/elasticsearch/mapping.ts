import { objectMapping } from '../mapping.ts';
import type { IndexBody, MiceFields } from '../port.ts';

/** `dense_vector` in 8-bit HNSW: a quarter of the memory, and the re-ranker repairs what the rounding moves. */
export function indexBody(fields: MiceFields): IndexBody {
  return {
    settings: {},
    mappings: objectMapping(fields, {
      type: 'dense_vector',
      dims: fields.vectorDims,
      index: true,
      similarity: 'cosine',
      index_options: { type: 'int8_hnsw' },
    }),
  };
}
