/** Names of the inputs and outputs of a bundle's graphs; docs/model.md has their shapes. */

export interface Signature {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** Of `document` and `query`, whose states differ in width. */
export const ENCODER: Signature = { inputs: ['input_ids', 'attention_mask'], outputs: ['states', 'vector'] };

/** Of `query-fast`: the vector alone. */
export const VECTOR: Signature = { inputs: ['input_ids', 'attention_mask'], outputs: ['vector'] };

/** A family without token types declares the input all the same. */
export const CROSS_ENCODER: Signature = {
  inputs: ['input_ids', 'attention_mask', 'token_type_ids'],
  outputs: ['scores'],
};

export const INTERACTION: Signature = {
  inputs: ['query_states', 'document_states', 'document_scales', 'document_lengths'],
  outputs: ['scores'],
};
