import type { MiceFields } from './port.ts';

/**
 * The `mice` object, equal on both engines but for the vector. Vector and states stay out of `_source`: no
 * response carries them, and doc values and the vector index hold them already.
 */
export function objectMapping(
  fields: MiceFields,
  vector: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { object } = fields;
  return {
    _source: { excludes: [`${object}.vector`, `${object}.states`] },
    properties: {
      [object]: {
        properties: {
          vector,
          states: { type: 'binary', doc_values: true },
          model: { type: 'keyword' },
          hash: { type: 'keyword' },
        },
      },
    },
  };
}
