/**
 * How the time of a search grows with the documents of its index, asked of the cluster and re-ranked: a real engine, the
 * demo's corpus and questions. The index grows by copies of the same documents, states included, so that each is encoded once.
 */
import { documentationCorpus } from '../demo/corpus.ts';
import { questions } from '../demo/questions.ts';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { percentile } from '../evaluate/percentiles.ts';
import { mergeWhole } from '../evaluate/settle.ts';
import { miceFields } from '../ingest/fields.ts';
import { setupIndex } from '../ingest/setup.ts';
import { selectText } from '../ingest/text.ts';
import type { RunningServer } from '../proxy/server.ts';
import type { Services } from '../proxy/services.ts';
import { sendBulk } from './bulk-load.ts';
import { type DocumentationBench, withProxy } from './documentation.ts';
import { fitLine, lineAt } from './fit.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median, rounded } from './report.ts';
import { timed } from './timed.ts';

const INDEX = 'bench-size';
const OBJECT = 'mice';
const WINDOW = 100;
const BATCH = 50;
/** Copies of the documents in the index, one size after the other. */
const COPIES = [1, 2, 4, 8, 16] as const;
/** The first ones of a size, in which caches fill and code is compiled. */
const WARM_ROUNDS = 1;

/** A question may find nothing in a small index. */
const EXPECTED = /^reranked|reason=no-hits/;

type Extent = Pick<DocumentationBench, 'documents' | 'questions' | 'rounds'>;

/** How often `onRound` is told: of each batch that is encoded, each copy that is written and each round. */
export function roundsOf({ documents, rounds }: Extent): number {
  return Math.ceil(documents / BATCH) + COPIES.at(-1)! + COPIES.length * (rounds + WARM_ROUNDS);
}

interface Times {
  readonly documents: number;
  /** ms of a search each. */
  readonly cluster: readonly number[];
  readonly reranked: readonly number[];
}

/** @throws MiceError when the engine or the proxy does not start, or a search is not re-ranked; `aborted` */
export async function benchIndexSize(options: DocumentationBench): Promise<BenchReport> {
  const machine = machineFacts();
  const given = { rerankWindow: WINDOW, rerankDeadlineMs: 600_000 };
  return withProxy(options.engine, given, async (server) =>
    reportOf(await measure(server, options), machine, server.services, options),
  );
}

async function measure(
  { services, url }: RunningServer,
  options: DocumentationBench,
): Promise<readonly Times[]> {
  const { engine, model, settings } = services;
  await setupIndex(engine, INDEX, { object: OBJECT, vectorDims: model.bundle.dims.vector });
  const documents = await encoded(services, options);
  const proxied = engine.through(url);
  const sizes: Times[] = [];
  let written = 0;
  try {
    for (const copies of COPIES) {
      for (; written < copies; written++) {
        options.signal.throwIfAborted();
        await sendBulk(`${settings.upstreamUrl}/${INDEX}/_bulk`, requests(documents, written), 1);
        options.onRound();
      }
      await mergeWhole(engine, INDEX, options.signal);
      sizes.push({ documents: copies * documents.length, ...(await searches(engine, proxied, options)) });
    }
  } finally {
    await proxied.close();
  }
  return sizes;
}

interface WrittenDocument {
  readonly id: string;
  /** The source, vectors and states included, as JSON. */
  readonly source: string;
}

async function encoded(
  { model, selectionOf }: Services,
  { root, documents, signal, onRound }: DocumentationBench,
): Promise<readonly WrittenDocument[]> {
  const passages = documentationCorpus(root).slice(0, documents);
  const found: WrittenDocument[] = [];
  for (let at = 0; at < passages.length; at += BATCH) {
    signal.throwIfAborted();
    const batch = passages
      .slice(at, at + BATCH)
      .map(({ id, title, text }) => ({ id, source: { title, text } }));
    const texts = batch.map(({ source }) => selectText(source, selectionOf(INDEX)));
    const states = await model.encodeDocuments(texts, { priority: 'ingest', signal });
    for (const [place, { id, source }] of batch.entries()) {
      const fields = miceFields(states[place]!.states, { model: model.bundle.model });
      found.push({ id, source: `${JSON.stringify(source).slice(0, -1)},"${OBJECT}":${fields}}` });
    }
    onRound();
  }
  return found;
}

/** Bulk requests that write a copy of `documents`. */
function requests(documents: readonly WrittenDocument[], copy: number): readonly string[] {
  const items = documents.map(
    ({ id, source }) => `${JSON.stringify({ index: { _id: `${copy} ${id}` } })}\n${source}\n`,
  );
  const count = Math.ceil(items.length / BATCH);
  return Array.from({ length: count }, (_, at) => items.slice(at * BATCH, (at + 1) * BATCH).join(''));
}

async function searches(
  engine: Engine,
  proxied: Engine,
  { questions: asked, rounds, signal, onRound }: DocumentationBench,
): Promise<Omit<Times, 'documents'>> {
  const cluster: number[] = [];
  const reranked: number[] = [];
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    for (const { query } of questions.slice(0, asked)) {
      signal.throwIfAborted();
      const match = { query: { multi_match: { query, fields: ['title', 'text'] } } };
      const direct = await timed(() => engine.search(INDEX, match));
      const ours = await timed(() => proxied.search(INDEX, match));
      const verdict = ours.answer.headers['x-mice'] ?? 'no verdict';
      if (!EXPECTED.test(verdict))
        throw new MiceError('proxy-refused', `A search was not re-ranked: ${verdict}.`);
      if (round < 0) continue;
      cluster.push(direct.ms);
      reranked.push(ours.ms);
    }
    onRound();
  }
  return { cluster, reranked };
}

function reportOf(
  sizes: readonly Times[],
  machine: BenchReport['machine'],
  { engine, model }: Services,
  { questions: asked, rounds }: DocumentationBench,
): BenchReport {
  const added = sizes.map(({ documents, cluster, reranked }) => ({
    x: documents,
    ms: median(reranked.map((ms, at) => ms - cluster[at]!)),
  }));
  const [least, most] = [sizes[0]!, sizes.at(-1)!];
  const grown = (key: 'cluster' | 'reranked') => percentile(most[key], 50) / percentile(least[key], 50);
  const line = fitLine(added);
  return {
    machine,
    conditions: {
      ...{ engine: `${engine.name} ${engine.version}`, bundle: model.bundle.model, window: WINDOW, rounds },
      ...{ questions: Math.min(asked, questions.length), law: 'added = fixed + each × documents' },
      ...rounded({ fixedMs: line.fixedMs, msPerThousandDocuments: 1000 * line.msPerUnit }),
    },
    ratios: rounded({
      clusterMostVsLeast: grown('cluster'),
      rerankedMostVsLeast: grown('reranked'),
      addedMostVsLeast: added.at(-1)!.ms / added[0]!.ms,
    }),
    rows: sizes.map(({ documents, cluster, reranked }, at) => ({
      documents,
      ...rounded({
        clusterP50Ms: percentile(cluster, 50),
        rerankedP50Ms: percentile(reranked, 50),
        rerankedP95Ms: percentile(reranked, 95),
        addedMs: added[at]!.ms,
        lawMs: lineAt(line, documents),
      }),
    })),
  };
}
