/** What the rest of the system asks of a model; {@link file://./runtime.ts} is the one implementation. */
import type { Bundle } from './bundle.ts';

/** Who waits: a search is served before an ingest batch that came earlier. */
export type Priority = 'search' | 'ingest';

export interface ComputeOptions {
  readonly priority?: Priority;
  /** Work that has not started when this fires is dropped, and the promise rejects with code `aborted`. */
  readonly signal?: AbortSignal;
}

export interface EncodedQuery {
  /** Tokens of the query, `[CLS]` and `[SEP]` included, after truncation to the bundle's limit. */
  readonly tokens: number;
  /** Whether the text was longer than the bundle's `limits.queryTokens`. */
  readonly truncated: boolean;
  /** Query states after the bottom layers, row-major `tokens × dims.hidden`. */
  readonly states: Float32Array;
  /** First-stage vector, L2-normalised, `dims.vector` long. */
  readonly vector: Float32Array;
}

export interface EncodedDocument {
  /** Tokens read, `[CLS]` and `[SEP]` included. */
  readonly tokens: number;
  /** Whether the text was longer than the bundle's `limits.documentTokens`. */
  readonly truncated: boolean;
  /** First-stage vector, L2-normalised, `dims.vector` long. */
  readonly vector: Float32Array;
  /** The stored form of the token states, as {@link file://../states/layout.ts} lays it out. */
  readonly states: Uint8Array;
}

export interface ScoreParts {
  /** interaction + cosineWeight × cosine: the model's own score of each document, in input order. */
  readonly scores: Float32Array;
}

export interface Model {
  readonly bundle: Bundle;
  /** Tasks that wait or run now. */
  readonly pending: number;
  encodeQuery(text: string, options?: ComputeOptions): Promise<EncodedQuery>;
  /** Results in input order, whatever batches were formed. */
  encodeDocuments(texts: readonly string[], options?: ComputeOptions): Promise<readonly EncodedDocument[]>;
  /**
   * Scores documents from their stored states. A document's score does not depend on the others.
   * @throws MiceError `states-corrupt` or `states-foreign` when any of `documents` is not of this bundle.
   */
  score(query: EncodedQuery, documents: readonly Uint8Array[], options?: ComputeOptions): Promise<ScoreParts>;
  close(): Promise<void>;
}
