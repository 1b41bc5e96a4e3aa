/** The model of a bundle on worker threads: {@link Model} for the rest of the system. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { MiceError } from '../errors.ts';
import { cosine } from '../states/cosine.ts';
import { readHeader } from '../states/decode.ts';
import { giveBackSlab } from '../states/slabs.ts';
import { type Splitting, type TokensKept, unsplit } from '../states/splitting.ts';
import { type Bundle, defaultBundleDirectory, openBundle, optionalGraph } from './bundle.ts';
import type { Joining, Prepare } from './call.ts';
import type {
  ComputeOptions,
  CrossDocument,
  EncodedDocument,
  EncodedQuery,
  Model,
  QueryVector,
  ScoreParts,
} from './model.ts';
import { Pool } from './pool.ts';
import { openQueryCache, type QueryCache } from './query-cache.ts';
import { readVector } from './read-states.ts';
import { packScoreTask } from './score-task.ts';
import { fairShare, sliceByLength, unslice } from './slices.ts';
import type { Answers, QueriesTask, Task, TaskKind } from './tasks.ts';

export interface ModelOptions {
  /** Threads that compute; default: the cores this process may use, at most 8. */
  readonly threads?: number;
  /** Calls that may wait or run at a time before the next is refused with `model-overloaded`; default 256. */
  readonly queueLimit?: number;
  /** Threads of ONNX Runtime inside one inference; default 1: `threads` inferences at a time use the cores better. */
  readonly intraOpThreads?: number;
  /** Memory for encodings of queries that were asked before; default 0: none is kept. */
  readonly queryCacheBytes?: number;
  /** How long texts are read; unless given, their first `limits.documentTokens`, as one passage. */
  readonly passages?: PassageOptions;
}

export interface PassageOptions {
  /** Tokens of a passage at most; the bundle's `limits.documentTokens` where that is less, and for 0. */
  readonly tokens: number;
  /** Tokens that a passage shares with the one before; at most half of a passage is. */
  readonly overlap: number;
  /** Passages of a text at most. */
  readonly most: number;
  /** The bundle's `stateTokens` unless given. */
  readonly kept?: TokensKept;
}

const MOST_THREADS = 8;
const QUEUE_LIMIT = 256;

/** Tokens of one task: a few tens of milliseconds of one core, after which a search can go first. */
const ENCODE_TASK = { tokens: 512, rows: 64 };
const SCORE_TASK = { least: 720, most: 9216, rows: 96 };
const CROSS_TASK = { tokens: 512, rows: 5 };
/** Only for grouping texts before they are tokenised. */
const CHARACTERS_PER_TOKEN = 4;

/**
 * Opens and checks the bundle and starts the threads.
 * @throws MiceError `bundle-missing`, `bundle-invalid`, `bundle-hash`, `model-failed`
 */
export async function openModel(
  directory = defaultBundleDirectory(),
  options: ModelOptions = {},
): Promise<Model> {
  const bundle = await openBundle(directory);
  const splitting = splittingOf(bundle, options.passages);
  const pool = await Pool.open({
    entry: threadEntry(),
    setup: { bundle, splitting, intraOpThreads: options.intraOpThreads ?? 1 },
    threads: options.threads ?? Math.min(availableParallelism(), MOST_THREADS),
    queueLimit: options.queueLimit ?? QUEUE_LIMIT,
  });
  const queries = openQueryCache(options.queryCacheBytes ?? 0);
  return {
    bundle,
    splitting,
    get pending() {
      return pool.pending;
    },
    encodeQuery: (text, how = {}) => encodeQuery(pool, queries, text, how),
    encodeQueryFast: (text, how = {}) => encodeQueryFast(pool, bundle, text, how),
    encodeDocuments: (texts, how = {}) => encodeDocuments(pool, texts, splitting, how),
    score: (query, documents, how = {}) => score(pool, query, documents, how),
    crossScore: (query, documents, how = {}) =>
      crossScore(pool, { bundle, splitting, queries }, query, documents, how),
    close: () => pool.close(),
  };
}

/** What `options` comes to with `bundle`. */
export function splittingOf(
  { limits, stateTokens }: Pick<Bundle, 'limits' | 'stateTokens'>,
  options?: PassageOptions,
): Splitting {
  const {
    tokens: asked,
    overlap,
    most,
    kept = stateTokens,
  }: PassageOptions = options ?? { tokens: 0, overlap: 0, most: 1 };
  const whole = unsplit(Math.min(asked || limits.documentTokens, limits.documentTokens), kept);
  return most === 1 ? whole : { ...whole, most, overlap: Math.min(overlap, Math.floor(whole.tokens / 2)) };
}

/** Calls after which V8 compiles a wrapper of its own for a function that WebAssembly imports: never. */
const GENERIC_WRAPPERS = '--wasm-wrapper-tiering-budget=1000000000';

/**
 * The entry lies beside this module, as TypeScript in a checkout and as JavaScript in the package. Node.js strips types
 * with WebAssembly, in each thread anew, and V8's compiled wrappers are shared by threads: one that compiles them while
 * another ends can crash the process (segmentation fault in `Runtime_TierUpWasmToJSWrapper`, Node.js 24.21).
 */
function threadEntry(): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL('./worker.js', import.meta.url);
  setFlagsFromString(GENERIC_WRAPPERS);
  return new URL('./worker.ts', import.meta.url);
}

/** Answers of tasks of one kind, in their order. */
async function answers<K extends TaskKind>(
  pool: Pool,
  _kind: K,
  tasks: readonly Prepare<Extract<Task, { kind: K }>>[],
  options: ComputeOptions,
  joining?: Joining<Task>,
): Promise<readonly Answers[K][]> {
  return (await pool.run(tasks, options, joining)) as readonly Answers[K][];
}

/** Queries that wait for a thread are encoded together, which takes less time for each (`mice bench encode`). */
const QUERIES_TOGETHER: Joining<Task> = {
  most: 8,
  unite: (tasks) => ({ kind: 'queries', texts: (tasks as QueriesTask[]).flatMap(({ texts }) => texts) }),
  divide: (answer) => (answer as Answers['queries']).map((query) => [query]),
};

async function encodeQuery(
  pool: Pool,
  known: QueryCache,
  text: string,
  options: ComputeOptions,
): Promise<EncodedQuery> {
  const before = known.get(text);
  if (before !== undefined) return before;
  const prepare = () => ({ task: { kind: 'queries', texts: [text] } as const, transfer: [] });
  const [queries] = await answers(pool, 'queries', [prepare], options, QUERIES_TOGETHER);
  const query = queries![0]!;
  known.set(text, query);
  return query;
}

async function encodeQueryFast(
  pool: Pool,
  bundle: Bundle,
  text: string,
  options: ComputeOptions,
): Promise<QueryVector> {
  optionalGraph(bundle, 'query-fast');
  const prepare = () => ({ task: { kind: 'vector', text } as const, transfer: [] });
  const [query] = await answers(pool, 'vector', [prepare], options);
  return query!;
}

async function encodeDocuments(
  pool: Pool,
  texts: readonly string[],
  { tokens, most }: Splitting,
  options: ComputeOptions,
): Promise<readonly EncodedDocument[]> {
  const lengths = texts.map((text) => Math.min(tokens * most, text.length / CHARACTERS_PER_TOKEN + 2));
  const slices = sliceByLength(lengths, ENCODE_TASK);
  const tasks = slices.map((rows) => () => ({
    task: { kind: 'documents', texts: rows.map((row) => texts[row]!) } as const,
    transfer: [],
  }));
  const parts = await answers(pool, 'documents', tasks, options);
  return unslice(slices, parts, new Array<EncodedDocument>(texts.length));
}

async function score(
  pool: Pool,
  query: EncodedQuery,
  documents: readonly Uint8Array[],
  options: ComputeOptions,
): Promise<ScoreParts> {
  const lengths = documents.map(tokensOf);
  const total = lengths.reduce((sum, tokens) => sum + tokens, 0);
  const tokens = fairShare(total, Math.max(pool.idle, 1), SCORE_TASK.least, SCORE_TASK.most);
  const slices = sliceByLength(lengths, { tokens, rows: SCORE_TASK.rows });
  const tasks = slices.map(
    (rows) => () =>
      packScoreTask(
        query,
        rows.map((row) => documents[row]!),
      ),
  );
  const parts = await answers(pool, 'score', tasks, options);
  for (const { slab } of parts) giveBackSlab(slab);
  const take = <Out extends Float32Array | Uint32Array>(key: 'scores' | 'passages', out: Out) =>
    unslice(
      slices,
      parts.map((part) => part[key]),
      out,
    );
  return {
    scores: take('scores', new Float32Array(documents.length)),
    passages: take('passages', new Uint32Array(documents.length)),
  };
}

interface Reading {
  readonly bundle: Bundle;
  readonly splitting: Splitting;
  readonly queries: QueryCache;
}

async function crossScore(
  pool: Pool,
  reading: Reading,
  query: string,
  documents: readonly CrossDocument[],
  options: ComputeOptions,
): Promise<Pick<ScoreParts, 'scores'>> {
  const { bundle } = reading;
  optionalGraph(bundle, 'cross-encoder');
  const texts = documents.map(({ text }) => text);
  const stored = documents.map(({ states }) => states && readVector(states, bundle));
  const [scores, cosines] = await Promise.all([
    pairScores(pool, bundle, query, texts, options),
    crossCosines(pool, reading, query, texts, stored, options),
  ]);
  const { cosineWeight } = bundle.score.crossEncoder!;
  return { scores: scores.map((score, at) => score + cosineWeight * cosines[at]!) };
}

/** Of the query's vector and the stored one of each document's first passage; texts without one are encoded. */
async function crossCosines(
  pool: Pool,
  { bundle, splitting, queries }: Reading,
  query: string,
  texts: readonly string[],
  stored: readonly (Int8Array | undefined)[],
  options: ComputeOptions,
): Promise<readonly number[]> {
  // A cosine without weight is not worth an inference.
  if (bundle.score.crossEncoder!.cosineWeight === 0) return texts.map(() => 0);
  const unread = texts.filter((_, at) => stored[at] === undefined);
  const [{ vector }, encoded] = await Promise.all([
    encodeQuery(pool, queries, query, options),
    encodeDocuments(pool, unread, splitting, options),
  ]);
  const fresh = encoded.map(({ states }) => readVector(states, bundle)).values();
  return stored.map((document) => cosine(vector, document ?? fresh.next().value!));
}

/** What the `cross-encoder` graph gives for each text. */
async function pairScores(
  pool: Pool,
  bundle: Bundle,
  query: string,
  texts: readonly string[],
  options: ComputeOptions,
): Promise<Float32Array> {
  const limit = bundle.limits.pairTokens!;
  const lengths = texts.map((text) =>
    Math.min(limit, (query.length + text.length) / CHARACTERS_PER_TOKEN + 3),
  );
  const slices = sliceByLength(lengths, CROSS_TASK);
  const tasks = slices.map((rows) => () => ({
    task: { kind: 'cross', query, texts: rows.map((row) => texts[row]!) } as const,
    transfer: [],
  }));
  const parts = await answers(pool, 'cross', tasks, options);
  return unslice(slices, parts, new Float32Array(texts.length));
}

/** @throws MiceError `states-corrupt` */
function tokensOf(bytes: Uint8Array, index: number): number {
  const reading = readHeader(bytes);
  if (reading.kind === 'ok') return reading.header.tokens;
  throw new MiceError(
    'states-corrupt',
    `Stored states of document ${index} cannot be read: ${reading.reason}.`,
  );
}
