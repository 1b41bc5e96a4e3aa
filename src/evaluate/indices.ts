/** The indices an evaluation searches: made for it, named after what is in them, removed or kept afterwards. */
import { createHash } from 'node:crypto';
import type { Engine, IndexBody } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import type { ProgressUnit } from '../observe/progress.ts';
import { type AnalyzerName, BM25, indexBody } from './bm25.ts';
import type { Corpus, Dataset } from './dataset.ts';
import { loadCorpus } from './load.ts';
import { endSegment, mergeReleased, mergeWhole } from './settle.ts';

/** `plain`: title and text alone. `enriched`: written through the proxy, so with vectors and states. */
export type IndexKind = 'plain' | 'enriched';

export interface PreparedIndex {
  readonly name: string;
  /** Bytes of the primary on disk after a merge to one segment, divided by the documents. */
  readonly bytesPerDocument: number;
  /** Whether a complete index of an earlier run was found. */
  readonly reused: boolean;
  /** Whether the bytes are free of copies that a later merge would drop. */
  readonly settled: boolean;
}

export interface IndexPlan {
  readonly engine: Engine;
  readonly dataset: Dataset;
  readonly kind: IndexKind;
  readonly analyzer: AnalyzerName;
  /** Name of the model bundle; part of the name of an enriched index. */
  readonly bundle: string;
  /** Base URL of the proxy that an enriched index is written through. */
  readonly proxyUrl: string;
  /** Length of the vectors of an enriched index. */
  readonly vectorDims: () => Promise<number>;
  /** How long to wait until an index with states can shrink to its size, see {@link mergeReleased}. */
  readonly settleMs: number;
  /** Whether a complete index of an earlier run may be searched again. */
  readonly reuse: boolean;
  readonly startProgress: StartProgress;
  readonly signal?: AbortSignal | undefined;
}

export type StartProgress = (
  label: string,
  total: number,
  unit: ProgressUnit,
) => { advance(amount: number): void; stop(): void };

/**
 * No segment begins or ends by the clock: each holds one bulk request, and all are merged once, at the end. The order
 * of documents, which breaks ties, the graph of their vectors and the levels of 8-bit vectors depend on what lay in
 * which segment.
 */
const untimed = {
  refresh_interval: -1,
  'merge.policy.max_merge_at_once': 10_000,
  'merge.policy.segments_per_tier': 10_000,
};

function untimedBody(body: IndexBody): IndexBody {
  const index = { ...(body.settings['index'] as object), ...untimed };
  return { ...body, settings: { ...body.settings, index } };
}

const slug = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);

/** A name that changes with the corpus, the settings of the index and, where states are inside, the bundle. */
export function indexName(plan: Pick<IndexPlan, 'dataset' | 'kind' | 'analyzer' | 'bundle'>): string {
  const { dataset, kind, analyzer, bundle } = plan;
  const content = kind === 'plain' ? 'plain' : bundle;
  const inside = [dataset.corpus.fingerprint, content, analyzer, BM25, untimed];
  const digest = createHash('sha256').update(JSON.stringify(inside));
  return `mice-eval-${slug(dataset.name)}-${slug(content)}-${digest.digest('hex').slice(0, 10)}`;
}

/** Makes the index unless a complete one may be reused. @throws MiceError of the load or of the engine */
export async function prepareIndex(plan: IndexPlan): Promise<PreparedIndex> {
  const { engine, dataset } = plan;
  const name = indexName(plan);
  const { documents } = dataset.corpus;
  const exists = await engine.indexExists(name);
  const reused = exists && plan.reuse && (await engine.count(name)) === documents;
  if (exists && !reused) await engine.deleteIndex(name);
  const settled = reused || (await fill(plan, name));
  const bytes = await engine.storeBytes(name);
  return { name, bytesPerDocument: Math.round(bytes / documents), reused, settled };
}

/** @returns whether the index has the size it keeps */
async function fill(plan: IndexPlan, name: string): Promise<boolean> {
  const { engine, dataset, kind, analyzer, settleMs, signal } = plan;
  const fields = kind === 'plain' ? undefined : { object: 'mice', vectorDims: await plan.vectorDims() };
  await engine.createIndex(name, untimedBody(indexBody(engine, analyzer, fields)));
  await load(plan, name);
  const settled = await (kind === 'plain'
    ? mergeWhole(engine, name, signal)
    : mergeReleased(engine, name, settleMs, signal));
  await expectComplete(engine, name, dataset.corpus);
  return settled;
}

async function load({ engine, dataset, kind, proxyUrl, startProgress, signal }: IndexPlan, index: string) {
  const { corpus } = dataset;
  const { url, headers } = engine.address;
  const target = { url: kind === 'plain' ? url : proxyUrl, headers, index };
  const label = kind === 'plain' ? 'Indexing text' : 'Indexing text, vectors and states';
  const progress = startProgress(label, corpus.documents, 'documents');
  try {
    await loadCorpus(corpus, target, {
      onLoaded: (documents) => progress.advance(documents),
      betweenRequests: () => endSegment(engine, index, signal),
      signal,
    });
  } finally {
    progress.stop();
  }
}

async function expectComplete(engine: Engine, index: string, corpus: Corpus): Promise<void> {
  const count = await engine.count(index);
  if (count === corpus.documents) return;
  throw new MiceError(
    'upstream-refused',
    `${index} holds ${count} of ${corpus.documents} documents after loading.`,
  );
}
