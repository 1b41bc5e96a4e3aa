import type { MiceFields } from './port.ts';

/**
 * The `mice` object, equal on both engines but for the vector. Vector and states stay out of `_source`: no
 * response carries them, and doc values and the vector index hold them already. So do the vectors of passages, which
 * are mapped whether they are written or not: then that can be decided later. Their place stays in `_source`:
 * without them Elasticsearch 9.5 fails at any update of the document, where it puts vectors back into its source.
 */
export function objectMapping(
  fields: MiceFields,
  vector: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { object } = fields;
  return {
    _source: { excludes: [`${object}.vector`, `${object}.states`, `${object}.passages.vector`] },
    properties: {
      [object]: {
        properties: {
          vector,
          states: { type: 'binary', doc_values: true },
          model: { type: 'keyword' },
          hash: { type: 'keyword' },
          // What dynamic mapping would make of them in an index that was set up before there were passages.
          tokens: { type: 'long' },
          truncated: { type: 'boolean' },
          splitting: { type: 'long' },
          passages: { type: 'nested', properties: { vector } },
        },
      },
    },
  };
}
