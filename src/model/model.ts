/** What the rest of the system asks of a model; {@link file://./runtime.ts} is the one implementation. */
import type { Splitting } from '../states/splitting.ts';
import type { Bundle } from './bundle.ts';

/** Who waits: a search is served before an ingest batch that came earlier. */
export type Priority = 'search' | 'ingest';

export interface ComputeOptions {
  readonly priority?: Priority;
  /** Work that has not started when this fires is dropped, and the promise rejects with code `aborted`. */
  readonly signal?: AbortSignal;
}

/** What searching by vector needs of a query. */
export interface QueryVector {
  /** Tokens of the query, special tokens included, after truncation to the bundle's limit. */
  readonly tokens: number;
  /** Whether the text was longer than the bundle's `limits.queryTokens`. */
  readonly truncated: boolean;
  /** First-stage vector, L2-normalised, `dims.vector` long. */
  readonly vector: Float32Array;
}

/** What scoring needs besides. */
export interface EncodedQuery extends QueryVector {
  /** Query states after the bottom layers, row-major `tokens × dims.hidden`. */
  readonly states: Float32Array;
}

export interface EncodedDocument {
  /** Tokens kept, of all passages, special tokens included. */
  readonly tokens: number;
  /** Whether the text was longer than what the model's {@link Model.splitting} reads. */
  readonly truncated: boolean;
  /** First-stage vector, L2-normalised, `dims.vector` long; of several passages the mean of theirs. */
  readonly vector: Float32Array;
  /** The stored form of the token states, as {@link file://../states/layout.ts} lays it out. */
  readonly states: Uint8Array;
}

/** What the cross-encoder reads. */
export interface CrossDocument {
  readonly text: string;
  /** Stored states of this very text, where they are at hand: without them it is encoded for the cosine's sake. */
  readonly states?: Uint8Array;
}

export interface ScoreParts {
  /** What the graph gives + its cosineWeight × cosine: the model's own score of each document, in input order. */
  readonly scores: Float32Array;
  /** Number of the passage that has it, from 0. */
  readonly passages: Uint32Array;
}

export interface Model {
  readonly bundle: Bundle;
  /** How long texts are read. */
  readonly splitting: Splitting;
  /** Tasks that wait or run now. */
  readonly pending: number;
  encodeQuery(text: string, options?: ComputeOptions): Promise<EncodedQuery>;
  /**
   * The first-stage vector alone, by the short `query-fast` graph: in the space of {@link EncodedQuery.vector}, though
   * not equal to it. The graph is opened when it is first asked.
   * @throws MiceError `graph-missing` where the bundle has no such graph
   */
  encodeQueryFast(text: string, options?: ComputeOptions): Promise<QueryVector>;
  /** Results in input order, whatever batches were formed. */
  encodeDocuments(texts: readonly string[], options?: ComputeOptions): Promise<readonly EncodedDocument[]>;
  /**
   * Scores documents from their stored states: every passage, of which the best counts. A document's score does not depend on the others.
   * @throws MiceError `states-corrupt` or `states-foreign` when any of `documents` is not of this bundle.
   */
  score(query: EncodedQuery, documents: readonly Uint8Array[], options?: ComputeOptions): Promise<ScoreParts>;
  /**
   * Scores texts by the `cross-encoder` graph, which reads query and document together: hundreds of times the work of
   * {@link Model.score}. A text's score depends on the others in its last bits at most. The graph is opened when it is
   * first asked.
   * @throws MiceError `graph-missing` where the bundle has no such graph; `states-corrupt` or `states-foreign` when
   *   states that are given are not of this bundle
   */
  crossScore(
    query: string,
    documents: readonly CrossDocument[],
    options?: ComputeOptions,
  ): Promise<Pick<ScoreParts, 'scores'>>;
  close(): Promise<void>;
}

/** What gives documents states. Without a splitting, states of any are as good. */
export type EncodingModel = Pick<Model, 'bundle' | 'encodeDocuments'> & Partial<Pick<Model, 'splitting'>>;
