/** The contract of what keeps states in the cluster, as backfill, sweeper and write-back use it. */
import type { Engine } from '../../engine/port.ts';
import type { Splitting } from '../../states/splitting.ts';
import type { DocumentKey } from '../current.ts';
import type { TextSelection } from '../text.ts';

/**
 * Where an index's states lie: `field`, in the documents themselves; `companion`, in an index beside; `cache`, in the
 * service only.
 */
export type { StoreName } from '../../config/index-rules.ts';

/** `no-text`: there is nothing to read, and nothing to be done. */
export type Standing = 'fresh' | 'stale' | 'missing' | 'no-text';

/** A hit of {@link StatesStore.search}. */
export interface StandingHit {
  readonly _index: string;
  readonly _id: string;
  readonly _routing?: string;
  readonly _seq_no: number;
  readonly _primary_term: number;
  readonly _source?: Readonly<Record<string, unknown>>;
  readonly matched_queries?: readonly string[];
  readonly sort?: readonly unknown[];
}

export interface ReadDocument {
  readonly hit: StandingHit;
  readonly text: string;
  /** Of the text; empty where there is none. */
  readonly hash: string;
  readonly standing: Standing;
  /** What is stored beside the states says that they are of this text and model, whether or not they are there. */
  readonly claimed: boolean;
}

/** What became of one document's states. */
export type Outcome =
  | { readonly kind: 'written' }
  /** The document is another one than was read: to be read anew. */
  | { readonly kind: 'changed' }
  /** Deleted meanwhile, or given newer states by others: in order without us. */
  | { readonly kind: 'left' }
  | { readonly kind: 'busy' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface StoreNeeds {
  readonly engine: Engine;
  /** Name of the object that holds our fields. */
  readonly object: string;
  /** Value of `model` that is fresh. */
  readonly model: string;
  readonly selection: TextSelection;
  /** How texts are read now; any other is as good unless given. */
  readonly splitting?: Splitting | undefined;
  /** Whether vectors of passages are to be there. */
  readonly passageVectors?: boolean | undefined;
}

/** The states of one index's documents. */
export interface StatesStore {
  /**
   * Body members of a search whose hits say what {@link StatesStore.read} asks for.
   * @param query only the documents that it finds
   */
  search(query?: unknown): Readonly<Record<string, unknown>>;
  /** A query for documents that lack states of this model; undefined where only a look at each one tells. */
  readonly lacking: unknown;
  /** Those that are there, in real time, as hits of such a search. */
  fetch(keys: readonly DocumentKey[]): Promise<readonly StandingHit[]>;
  /** What each document's states are to its text, in the order of `hits`, without reading the states. */
  read(hits: readonly StandingHit[]): Promise<readonly ReadDocument[]>;
  /** In the order of `documents`. @throws MiceError `upstream-refused`, `upstream-unreachable` */
  write(
    documents: readonly ReadDocument[],
    states: ReadonlyMap<string, Uint8Array>,
  ): Promise<readonly Outcome[]>;
  /** Removes states of documents that are gone, and says how many. */
  tidy(signal: AbortSignal): Promise<number>;
}
