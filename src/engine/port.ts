/** What the rest of the system asks of a search engine, in words that both dialects understand. */
import type { ClientAnswer, ClientRequest } from './transport.ts';

export type EngineName = 'elasticsearch' | 'opensearch';

/** What an engine can do; each flag states the consequence of its absence. */
export interface EngineCapabilities {
  /** Search pipelines exist. Without them `setup` creates none and a hybrid search is fused by the caller. */
  readonly searchPipelines: boolean;
  /** The engine's own answers carry `x-elastic-product`, and its official clients refuse answers without it. */
  readonly productHeader: boolean;
}

/** What both sides of a TLS connection to an engine show: PEM texts. */
export interface TlsIdentity {
  /** Certificates that are trusted instead of the system's. */
  readonly ca?: string;
  /** The client's own certificate, and its key. */
  readonly certificate?: string;
  readonly key?: string;
  /** Name that the engine's certificate is checked against, where it is not the host's. */
  readonly name?: string;
}

/** Where an engine listens and who asks. */
export interface EngineAddress {
  /** Base URL, `http://host:port` or `https://…`, without a path. */
  readonly url: string;
  /** Base URLs of further nodes of the same cluster. */
  readonly others?: readonly string[];
  readonly tls?: TlsIdentity;
  /** Sent with every administrative request, e.g. `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Hit {
  readonly id: string;
  readonly score: number | null;
}

/** The vector clause of a search, before it is put into an engine's words. */
export interface VectorQuery {
  readonly field: string;
  readonly vector: readonly number[] | Float32Array;
  /** Hits wanted. */
  readonly k: number;
}

/** How an engine writes a `knn` clause. */
export interface VectorClause {
  /** The member that holds the vector. */
  readonly key: string;
  /** Where the field stands: `{"field": FIELD, …}` or `{FIELD: {…}}`. */
  readonly field: 'member' | 'key';
}

/** The shape of the `mice` object in a mapping. */
export interface MiceFields {
  /** Name of the object that holds our fields, `mice` unless configured. */
  readonly object: string;
  readonly vectorDims: number;
}

export interface Engine {
  readonly name: EngineName;
  /** Full version, e.g. `3.6.0`. */
  readonly version: string;
  readonly address: EngineAddress;
  readonly capabilities: EngineCapabilities;
  readonly vectorClause: VectorClause;

  /** Mapping and settings that an index needs for vectors and states, as a create-index body. */
  indexBody(fields: MiceFields): IndexBody;
  /** Body members that ask for the nearest neighbours of a vector: spread into a search body. */
  vectorSearch(query: VectorQuery): Readonly<Record<string, unknown>>;
  /**
   * The same as JSON text, under filters that are JSON texts, so that numbers in them stay as they were written:
   * members of a search body, without its size.
   */
  vectorMembers(query: VectorQuery, filters: readonly string[]): string;
  /** Name → body of the pipelines `setup` keeps in step; empty where the engine has none. */
  pipelines(): Readonly<Record<string, Readonly<Record<string, unknown>>>>;

  indexExists(index: string): Promise<boolean>;
  /**
   * The live mapping of one index (`mappings` and `settings.index`), of the last one behind an alias or a data stream;
   * undefined when it does not exist.
   */
  describeIndex(index: string): Promise<IndexBody | undefined>;
  /** By name, every index that `index` stands for: itself, or those behind an alias or a data stream. */
  describeIndices(index: string): Promise<Readonly<Record<string, IndexBody>>>;
  /** What an index of this name would be, made by the templates that match it; undefined where none does. */
  describeNewIndex(index: string): Promise<IndexBody | undefined>;
  /** Index templates by name: those that list `pattern`, and the one of the data stream `pattern`. */
  indexTemplates(pattern: string): Promise<Readonly<Record<string, IndexTemplate>>>;
  putIndexTemplate(name: string, template: IndexTemplate): Promise<void>;
  createIndex(index: string, body: IndexBody): Promise<void>;
  extendMapping(index: string, mappings: Readonly<Record<string, unknown>>): Promise<void>;
  deleteIndex(index: string): Promise<void>;
  refresh(index: string): Promise<void>;
  count(index: string): Promise<number>;
  /** Bytes of the primaries on disk. */
  storeBytes(index: string): Promise<number>;
  putPipeline(name: string, body: Readonly<Record<string, unknown>>): Promise<void>;
  /** A search through the official client; `took` in ms, response headers lower-cased. */
  search(index: string, body: Readonly<Record<string, unknown>>): Promise<SearchAnswer>;
  /** A view of one index that no write changes, for as long as it is read from. */
  openView(index: string): Promise<IndexView>;
  /** Any other request; every status is an answer. @throws MiceError `upstream-unreachable` */
  ask(request: ClientRequest): Promise<ClientAnswer>;
  /** Another handle of the same kind that talks to `url`, e.g. to a proxy in front of this engine. */
  through(url: string): Engine;
  close(): Promise<void>;
}

export interface IndexView {
  /**
   * A search on the view; any status is an answer. `body` has no `pit` of its own.
   * @throws MiceError `upstream-unreachable`
   */
  search(body: Readonly<Record<string, unknown>>): Promise<ClientAnswer>;
  close(): Promise<void>;
}

/** A composable index template, with whatever else it holds. */
export interface IndexTemplate {
  readonly index_patterns: readonly string[];
  readonly template?: Partial<IndexBody>;
  readonly [other: string]: unknown;
}

export interface IndexBody {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly mappings: Readonly<Record<string, unknown>>;
}

export interface SearchAnswer {
  readonly tookMs: number;
  readonly hits: readonly Hit[];
  readonly headers: Readonly<Record<string, string>>;
}
