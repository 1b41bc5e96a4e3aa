/** An evaluation: prepare the indices, ask every query in every mode, measure. */
import type { Engine } from '../engine/port.ts';
import { startProgress as startBar } from '../observe/progress.ts';
import { type AnalyzerName, analyzerOf, BM25 } from './bm25.ts';
import { type Dataset, type JudgedQuery, sampleQueries } from './dataset.ts';
import { type EmbedQuery, embedThrough } from './embeddings.ts';
import type { Evaluation, ModeRun } from './evaluation.ts';
import type { StartProgress } from './indices.ts';
import { type IndexKind, type IndexPlan, indexName, type PreparedIndex, prepareIndex } from './indices.ts';
import { measure } from './measure.ts';
import { type ModeName, modes, type Searchers } from './modes.ts';
import { notesOf } from './notes.ts';

export interface EvaluateOptions {
  readonly dataset: Dataset;
  readonly modes: readonly ModeName[];
  readonly engine: Engine;
  /** Base URL of a proxy in front of `engine`. */
  readonly proxyUrl: string;
  /** Name of the bundle that the proxy serves. */
  readonly bundle: string;
  /** Hits that are re-ranked; 100 unless given. */
  readonly window?: number | undefined;
  /** Queries at most: a fixed sample, see {@link sampleQueries}. */
  readonly limit?: number | undefined;
  /** Queries in flight; 1 unless given. Times are those under this concurrency. */
  readonly concurrency?: number | undefined;
  /** Search the index of an earlier run again if it is complete, and leave it there. */
  readonly keep?: boolean | undefined;
  /** How long to wait at most until an index with states has the size it keeps; a minute unless given. */
  readonly settleMs?: number | undefined;
  /** Query vectors; from the proxy's embedding route unless given. */
  readonly embed?: EmbedQuery | undefined;
  readonly startProgress?: StartProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options with their defaults, and what is made once per evaluation. */
type Setting = EvaluateOptions & {
  readonly queries: readonly JudgedQuery[];
  readonly analyzer: AnalyzerName;
  readonly startProgress: StartProgress;
  readonly searchers: Searchers;
};

type Indices = ReadonlyMap<IndexKind, PreparedIndex>;

async function settingOf(options: EvaluateOptions): Promise<Setting> {
  const { engine, proxyUrl, window = 100 } = options;
  const embed = options.embed ?? embedThrough(proxyUrl, engine.address.headers);
  return {
    ...options,
    queries: sampleQueries(options.dataset.queries, options.limit ?? Number.POSITIVE_INFINITY),
    analyzer: await analyzerOf(engine),
    startProgress: options.startProgress ?? startBar,
    searchers: { engine, proxied: engine.through(proxyUrl), embed, window },
  };
}

function planIndex(setting: Setting, kind: IndexKind): IndexPlan {
  const { engine, dataset, analyzer, bundle, proxyUrl, startProgress, signal, searchers } = setting;
  const vectorDims = async () => (await searchers.embed('how long is a vector')).length;
  const [reuse, settleMs] = [setting.keep === true, setting.settleMs ?? 60_000];
  return {
    engine,
    dataset,
    kind,
    analyzer,
    bundle,
    proxyUrl,
    vectorDims,
    settleMs,
    reuse,
    startProgress,
    signal,
  };
}

const kindsOf = (names: readonly ModeName[]) => [...new Set(names.map((name) => modes[name].index))];

async function prepareIndices(setting: Setting): Promise<Indices> {
  const indices = new Map<IndexKind, PreparedIndex>();
  for (const kind of kindsOf(setting.modes)) indices.set(kind, await prepareIndex(planIndex(setting, kind)));
  return indices;
}

async function runMode(setting: Setting, mode: ModeName, indices: Indices): Promise<ModeRun> {
  const { queries, searchers, concurrency = 1, signal } = setting;
  const { index: kind, search } = modes[mode];
  const index = indices.get(kind)!;
  const progress = setting.startProgress(`Searching (${mode})`, queries.length, 'queries');
  try {
    const ask = (query: JudgedQuery) => search(searchers, index.name, query);
    const rows = await measure(queries, ask, { concurrency, onAsked: () => progress.advance(1), signal });
    return { mode, rows, bytesPerDocument: index.bytesPerDocument };
  } finally {
    progress.stop();
  }
}

async function run(setting: Setting): Promise<Evaluation> {
  const { engine, dataset, bundle, concurrency = 1, searchers } = setting;
  const indices = await prepareIndices(setting);
  const runs: ModeRun[] = [];
  for (const mode of setting.modes) runs.push(await runMode(setting, mode, indices));
  return {
    data: dataset.name,
    documents: dataset.corpus.documents,
    engine: { name: engine.name, version: engine.version },
    bundle,
    bm25: { ...BM25, analyzer: setting.analyzer },
    window: searchers.window,
    concurrency,
    notes: await notesOf(engine, dataset, indices, runs),
    runs,
  };
}

async function removeIndices(engine: Engine, setting: Setting): Promise<void> {
  for (const kind of kindsOf(setting.modes)) {
    const name = indexName(planIndex(setting, kind));
    if (await engine.indexExists(name)) await engine.deleteIndex(name);
  }
}

/**
 * Measures `modes` on `dataset`. Indices whose names begin with `mice-eval-` are made for it, and removed
 * afterwards unless `keep` is set.
 *
 * @throws MiceError `upstream-unreachable`, `upstream-refused`, `proxy-refused`, `data-invalid`, `aborted`
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const setting = await settingOf(options);
  const tidy = async () => {
    await setting.searchers.proxied.close();
    if (options.keep !== true) await removeIndices(options.engine, setting);
  };
  try {
    const evaluation = await run(setting);
    await tidy();
    return evaluation;
  } catch (thrown) {
    // What went wrong first is what is told; an engine that is gone cannot be tidied either.
    await tidy().catch(() => {});
    throw thrown;
  }
}
