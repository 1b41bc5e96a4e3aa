/** Names of the inputs and outputs of a bundle's graphs; docs/model.md has their shapes. */

export interface Signature {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Of `document` and `query`, whose states differ in width. */
export const ENCODER: Signature = { inputs: ['input_ids', 'attention_mask'], outputs: ['states', 'vector'] };

export const INTERACTION: Signature = {
  inputs: ['query_states', 'document_states', 'document_scales', 'document_lengths'],
  outputs: ['scores'],
};
