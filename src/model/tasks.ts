/** What the threads of a model are asked and what they answer. */
import type { FaultCode } from '../errors.ts';
import type { Splitting } from '../states/splitting.ts';
import type { Bundle } from './bundle.ts';
import type { EncodedDocument, EncodedQuery, QueryVector, ScoreParts } from './model.ts';

export interface QueriesTask {
  readonly kind: 'queries';
  readonly texts: readonly string[];
}

export interface VectorTask {
  readonly kind: 'vector';
  readonly text: string;
}

export interface DocumentsTask {
  readonly kind: 'documents';
  readonly texts: readonly string[];
}

export interface ScoreTask {
  readonly kind: 'score';
  readonly queryStates: Float32Array;
  readonly queryVector: Float32Array;
  /** Stored states, one after the other in a buffer that the thread owns. */
  readonly slab: Uint8Array<ArrayBuffer>;
  /** Document i is slab[starts[i] … starts[i] + sizes[i]); starts are multiples of 4. */
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
}

export interface CrossTask {
  readonly kind: 'cross';
  readonly query: string;
  readonly texts: readonly string[];
}

export interface ScoredTask extends ScoreParts {
  /** The task's, for the next one. */
  readonly slab: ArrayBuffer;
}

export interface Answers {
  readonly queries: readonly EncodedQuery[];
  readonly vector: QueryVector;
  readonly documents: readonly EncodedDocument[];
  readonly score: ScoredTask;
  readonly cross: Float32Array;
}

export type Task = QueriesTask | VectorTask | DocumentsTask | ScoreTask | CrossTask;
export type TaskKind = Task['kind'];
export type TaskOf<K extends TaskKind> = Extract<Task, { kind: K }>;

/** An error on its way between threads: a thrown object would lose its code. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly hint: string | undefined;
}

/** A thread says once that it is ready or why it is not, and then answers each task in turn. */
export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready'; readonly fault: Fault }
  | { readonly kind: 'done'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly fault: Fault };

/** What a thread is sent: tasks, and at the end the request to let go of what it holds. */
export type Request = Task | { readonly kind: 'close' };

/** What a thread is started with. */
export interface ThreadSetup {
  readonly bundle: Bundle;
  readonly splitting: Splitting;
  readonly intraOpThreads: number;
  /** [0] is set to 0, with a notification, whenever the thread is out of the runtime's code. */
  readonly busy: Int32Array;
}
