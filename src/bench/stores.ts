/** What each store costs on a real engine: bytes, the rate of bulk writes, the time of searches; in turn, in one run. */
import { documentationCorpus } from '../demo/corpus.ts';
import type { Passage } from '../demo/passages.ts';
import { questions } from '../demo/questions.ts';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { mergeReleased } from '../evaluate/settle.ts';
import { setupIndex } from '../ingest/setup.ts';
import { companionName } from '../ingest/stores/companion.ts';
import type { StoreName } from '../ingest/stores/store.ts';
import type { RunningServer } from '../proxy/server.ts';
import { type DocumentationBench, withProxy } from './documentation.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median } from './report.ts';
import { timed } from './timed.ts';

/** `bare` is written past the proxy and searched without it: what there is without us. */
const kinds = ['bare', 'field', 'companion', 'cache'] as const;
type Kind = (typeof kinds)[number];

const BATCH = 32;
const WINDOW = 100;
const OBJECT = 'mice';
/** A node moves its leases on every 30 s. */
const RELEASED_MS = 120_000;

type Extent = Pick<DocumentationBench, 'documents' | 'questions' | 'rounds'>;

/** How often `onRound` is told: of each batch and each question. */
export function roundsOf({ documents, questions: asked, rounds }: Extent): number {
  return Math.ceil(documents / BATCH) + (rounds + 1) * Math.min(asked, questions.length);
}

export async function benchStores(options: DocumentationBench): Promise<BenchReport> {
  const machine = machineFacts();
  return withProxy(options.engine, { rerankDeadlineMs: 600_000 }, (server) =>
    measured(server, machine, options),
  );
}

async function measured(
  server: RunningServer,
  machine: BenchReport['machine'],
  options: DocumentationBench,
): Promise<BenchReport> {
  const { engine, model } = server.services;
  await prepare(server);
  const passages = documentationCorpus(options.root).slice(0, options.documents);
  const bulkMs = await fill(server, passages, options);
  const kept = await settled(engine, options.signal);
  const searched = await searches(server, options);
  const documents = passages.length;
  const rows = kinds.map((kind) => ({
    store: kind,
    bytesPerDocument: Math.round(kept[kind].bytes / documents),
    documentsPerSecond: rounded((1000 * documents) / bulkMs[kind]),
    mergeMs: kept[kind].mergeMs,
    firstSearchMs: rounded(median(searched[kind].first)),
    searchMs: rounded(median(searched[kind].later)),
  }));
  const row = (kind: Kind) => rows.find(({ store }) => store === kind)!;
  const ratio = (of: Kind, to: Kind, key: 'searchMs' | 'documentsPerSecond' | 'mergeMs') =>
    rounded(row(of)[key] / row(to)[key]);
  return {
    machine,
    conditions: {
      ...{ engine: `${engine.name} ${engine.version}`, bundle: model.bundle.model, documents },
      ...{
        batch: BATCH,
        window: WINDOW,
        questions: Math.min(options.questions, questions.length),
        rounds: options.rounds,
      },
    },
    ratios: {
      companionBulkVsField: ratio('companion', 'field', 'documentsPerSecond'),
      companionSearchVsField: ratio('companion', 'field', 'searchMs'),
      cacheSearchVsField: ratio('cache', 'field', 'searchMs'),
      fieldSearchVsBare: ratio('field', 'bare', 'searchMs'),
      fieldMergeVsBare: ratio('field', 'bare', 'mergeMs'),
    },
    rows,
  };
}

async function prepare({ services }: RunningServer): Promise<void> {
  const { engine, model, placing } = services;
  const fields = { object: OBJECT, vectorDims: model.bundle.dims.vector };
  for (const kind of kinds) {
    if (kind !== 'field') await engine.createIndex(kind, { settings: {}, mappings: {} });
    if (kind !== 'bare') await setupIndex(engine, kind, { ...fields, store: kind satisfies StoreName });
  }
  await placing.refresh();
}

/** The same passages into each index, a batch at a time; each index's own first word, so that none is known before. */
async function fill(
  { url, services: { engine } }: RunningServer,
  passages: readonly Passage[],
  { signal, onRound }: DocumentationBench,
): Promise<Record<Kind, number>> {
  const proxied = engine.through(url);
  const spentMs: Record<Kind, number> = { bare: 0, field: 0, companion: 0, cache: 0 };
  try {
    for (let at = 0; at < passages.length; at += BATCH) {
      for (const kind of kinds) {
        signal.throwIfAborted();
        const lines = passages.slice(at, at + BATCH).map(({ id, title, text }) => {
          const action = { index: { _index: kind, _id: id } };
          return `${JSON.stringify(action)}\n${JSON.stringify({ title: `${kind} ${title}`, text })}\n`;
        });
        const client = kind === 'bare' ? engine : proxied;
        const { answer, ms } = await timed(() =>
          client.ask({ method: 'POST', path: '/_bulk', lines: lines.join('') }),
        );
        spentMs[kind] += ms;
        if (answer.body.errors !== false)
          throw new MiceError('proxy-refused', `The bulk request into ${kind} was refused.`);
      }
      onRound();
    }
  } finally {
    await proxied.close();
  }
  return spentMs;
}

interface Settled {
  readonly bytes: number;
  /** What all merges into one segment have taken the engine, those in the background included. */
  readonly mergeMs: number;
}

/** The index and its companion, once nothing is held back any more. */
async function settled(engine: Engine, signal: AbortSignal): Promise<Record<Kind, Settled>> {
  const settle = async (index: string): Promise<Settled> => {
    if (!(await mergeReleased(engine, index, RELEASED_MS, signal)))
      throw new MiceError('upstream-refused', `The cluster still holds back operations on ${index}.`, {
        hint: 'Try again; its size is not the one that it keeps.',
      });
    const stats = await engine.ask({ method: 'GET', path: `/${index}/_stats/merge` });
    const mergeMs: number = stats.body._all.primaries.merges.total_time_in_millis;
    return { bytes: await engine.storeBytes(index), mergeMs };
  };
  const beside = await settle(companionName('companion', OBJECT));
  const found: Partial<Record<Kind, Settled>> = {};
  for (const kind of kinds) {
    const { bytes, mergeMs } = await settle(kind);
    const more = kind === 'companion' ? beside : { bytes: 0, mergeMs: 0 };
    found[kind] = { bytes: bytes + more.bytes, mergeMs: mergeMs + more.mergeMs };
  }
  return found as Record<Kind, Settled>;
}

interface Times {
  /** ms, of a round before the others, with nothing in memory. */
  readonly first: number[];
  readonly later: number[];
}

async function searches(
  { url, services: { engine, cache } }: RunningServer,
  { questions: asked, rounds, signal, onRound }: DocumentationBench,
): Promise<Record<Kind, Times>> {
  // What was written lately is in memory, and would be found there.
  await cache.close();
  const times = Object.fromEntries(
    kinds.map((kind) => [kind, { first: [], later: [] }]),
  ) as unknown as Record<Kind, Times>;
  const proxied = engine.through(url);
  try {
    for (let round = 0; round <= rounds; round++) {
      for (const { query } of questions.slice(0, asked)) {
        for (const kind of kinds) {
          signal.throwIfAborted();
          const match = { query: { multi_match: { query, fields: ['title', 'text'] } } };
          const { ms } = await timed(() => (kind === 'bare' ? engine : proxied).search(kind, match));
          times[kind][round === 0 ? 'first' : 'later'].push(ms);
        }
        onRound();
      }
    }
  } finally {
    await proxied.close();
  }
  return times;
}

function rounded(value: number): number {
  return Number(value.toFixed(value < 10 ? 2 : 1));
}
