/** The demo's index: made, and filled through the proxy, which adds vectors and states on the way. */
import type { Engine, MiceFields } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { analyzerOf, indexBody } from '../evaluate/bm25.ts';
import type { Corpus, CorpusDocument } from '../evaluate/dataset.ts';
import { loadCorpus } from '../evaluate/load.ts';
import type { startProgress } from '../observe/progress.ts';

export interface FillPlan {
  /** The cluster itself. */
  readonly engine: Engine;
  readonly proxyUrl: string;
  readonly index: string;
  readonly corpus: Corpus;
  readonly fields: MiceFields;
  readonly startProgress: typeof startProgress;
  readonly signal?: AbortSignal | undefined;
}

export interface Filled {
  readonly indexMs: number;
  /** What to call a document on one line. */
  readonly titles: ReadonlyMap<string, string>;
}

const TITLE_CHARACTERS = 120;

/**
 * Creates `index` anew and loads the corpus through the proxy.
 * @throws MiceError `upstream-refused`, `upstream-unreachable`, `aborted`
 */
export async function fillIndex(plan: FillPlan): Promise<Filled> {
  const { engine, index } = plan;
  if (await engine.indexExists(index)) await engine.deleteIndex(index);
  await engine.createIndex(index, indexBody(engine, await analyzerOf(engine), plan.fields));
  const titles = new Map<string, string>();
  const startedMs = performance.now();
  await load(plan, titles);
  const indexMs = performance.now() - startedMs;
  await engine.refresh(index);
  await expectComplete(plan);
  return { indexMs, titles };
}

async function load(plan: FillPlan, titles: Map<string, string>): Promise<void> {
  const { corpus, proxyUrl, index, signal } = plan;
  const headers = plan.engine.address.headers;
  const progress = plan.startProgress('Indexing through the proxy', corpus.documents, 'passages');
  const read = () => noting(corpus.read(), titles);
  const onLoaded = (documents: number) => progress.advance(documents);
  try {
    await loadCorpus({ ...corpus, read }, { url: proxyUrl, headers, index }, { onLoaded, signal });
  } finally {
    progress.stop();
  }
}

async function* noting(
  documents: AsyncIterable<CorpusDocument>,
  titles: Map<string, string>,
): AsyncGenerator<CorpusDocument> {
  for await (const document of documents) {
    const words = document.title === '' ? document.text : document.title;
    titles.set(document.id, words.replace(/\s+/g, ' ').slice(0, TITLE_CHARACTERS));
    yield document;
  }
}

async function expectComplete({ engine, index, corpus }: FillPlan): Promise<void> {
  const count = await engine.count(index);
  if (count === corpus.documents) return;
  throw new MiceError('upstream-refused', `${index} holds ${count} of ${corpus.documents} documents.`, {
    hint: 'Does another program write to this index?',
  });
}
