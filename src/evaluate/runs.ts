/** An evaluation: prepare the indices, ask every query in every mode, measure. */
import type { Engine } from '../engine/port.ts';
import { startProgress as startBar } from '../observe/progress.ts';
import { type AnalyzerName, analyzerOf, BM25 } from './bm25.ts';
import { rescoreThrough } from './cross-encoder.ts';
import { type Dataset, type JudgedQuery, sampleQueries } from './dataset.ts';
import { type EmbedQuery, embedThrough } from './embeddings.ts';
import { compareModes, type Evaluation, type ModeRun } from './evaluation.ts';
import type { StartProgress } from './indices.ts';
import { type IndexKind, type IndexPlan, indexName, type PreparedIndex, prepareIndex } from './indices.ts';
import { measure } from './measure.ts';
import { chooseModes, type ModeName, modes, type Searchers } from './modes.ts';
import { notesOf } from './notes.ts';
import { servedGraphs } from './served.ts';
import { readTexts } from './texts.ts';

export interface EvaluateOptions {
  readonly dataset: Dataset;
  /** All that the bundle serves, unless given. */
  readonly modes?: readonly ModeName[] | undefined;
  readonly engine: Engine;
  /** Base URL of a proxy in front of `engine`. */
  readonly proxyUrl: string;
  /** Name of the bundle that the proxy serves. */
  readonly bundle: string;
  /** Fields that the proxy reads texts from. */
  readonly textFields: readonly string[];
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
  readonly modes: readonly ModeName[];
  readonly queries: readonly JudgedQuery[];
  readonly analyzer: AnalyzerName;
  readonly startProgress: StartProgress;
  readonly searchers: Searchers;
};

type Indices = ReadonlyMap<IndexKind, PreparedIndex>;

/** The modes, known before anything is made. BM25 alone asks the proxy for nothing, so it needs none. */
async function modesOf({
  modes: asked,
  proxyUrl,
  engine,
  bundle,
}: EvaluateOptions): Promise<readonly ModeName[]> {
  if (asked?.every((name) => name === 'bm25')) return asked;
  return chooseModes(asked, await servedGraphs(proxyUrl, engine.address.headers), bundle);
}

async function settingOf(options: EvaluateOptions): Promise<Setting> {
  const { engine, dataset, proxyUrl, textFields, signal, window = 100 } = options;
  const names = await modesOf(options);
  const { headers } = engine.address;
  return {
    ...options,
    modes: names,
    queries: sampleQueries(dataset.queries, options.limit ?? Number.POSITIVE_INFINITY),
    analyzer: await analyzerOf(engine),
    startProgress: options.startProgress ?? startBar,
    searchers: {
      engine,
      proxied: engine.through(proxyUrl),
      embed: options.embed ?? embedThrough(proxyUrl, headers),
      rescore: rescoreThrough(proxyUrl, headers, signal),
      texts: names.includes('cross-encoder') ? await readTexts(dataset.corpus, textFields) : new Map(),
      window,
    },
  };
}

function planIndex(setting: Setting, kind: IndexKind): IndexPlan {
  const { engine, dataset, analyzer, bundle, proxyUrl, startProgress, signal, searchers } = setting;
  const vectorDims = async () => (await searchers.embed('how long is a vector', 'query')).length;
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
  const place = `${setting.modes.indexOf(mode) + 1}/${setting.modes.length}`;
  const progress = setting.startProgress(`Searching ${place} (${mode})`, queries.length, 'queries');
  try {
    const ask = (query: JudgedQuery) => search(searchers, index.name, query);
    const rows = await measure(queries, ask, { concurrency, onAsked: () => progress.advance(1), signal });
    return { mode, rows, bytesPerDocument: index.bytesPerDocument };
  } finally {
    progress.stop();
  }
}

type Runs = Pick<Evaluation, 'runs' | 'stopped'>;

/** Mode after mode. What was measured before a fault or an interruption is kept, unless that is nothing. */
async function runModes(setting: Setting, indices: Indices): Promise<Runs> {
  const runs: ModeRun[] = [];
  for (const mode of setting.modes) {
    try {
      runs.push(await runMode(setting, mode, indices));
    } catch (fault) {
      if (runs.length === 0) throw fault;
      return { runs, stopped: { fault, unmeasured: setting.modes.slice(runs.length) } };
    }
  }
  return { runs };
}

async function run(setting: Setting): Promise<Evaluation> {
  const { engine, dataset, bundle, queries, concurrency = 1, searchers } = setting;
  const indices = await prepareIndices(setting);
  const found = await runModes(setting, indices);
  return {
    data: dataset.name,
    documents: dataset.corpus.documents,
    engine: { name: engine.name, version: engine.version },
    bundle,
    bm25: { ...BM25, analyzer: setting.analyzer },
    window: searchers.window,
    concurrency,
    notes: await notesOf(engine, dataset, indices, found),
    queries: new Map(queries.map(({ id, text }) => [id, text])),
    ...found,
    comparisons: compareModes(found.runs),
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
 * afterwards unless `keep` is set. A fault or an interruption after the first mode ends it early, see
 * {@link Evaluation.stopped}.
 *
 * @throws MiceError `bad-option` for a mode the bundle does not serve, `upstream-unreachable`, `upstream-refused`, `proxy-refused`, `data-invalid`, `aborted`
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const setting = await settingOf(options);
  const tidy = async () => {
    await setting.searchers.proxied.close();
    if (options.keep !== true) await removeIndices(options.engine, setting);
  };
  try {
    const evaluation = await run(setting);
    // An engine that ended the evaluation early may be gone, and what was measured is still told.
    await tidy().catch((fault: unknown) => {
      if (evaluation.stopped === undefined) throw fault;
    });
    return evaluation;
  } catch (thrown) {
    // What went wrong first is what is told; an engine that is gone cannot be tidied either.
    await tidy().catch(() => {});
    throw thrown;
  }
}
