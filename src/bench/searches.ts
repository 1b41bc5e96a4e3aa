/** What a re-ranked search costs, stage by stage: a real engine, the shipped model, the demo's corpus and questions. */
import { openDemoData } from '../demo/data.ts';
import { connectEngine } from '../engine/connect.ts';
import { startEngine } from '../engine/embedded/start.ts';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { analyzerOf, bm25Search, indexBody } from '../evaluate/bm25.ts';
import { loadCorpus } from '../evaluate/load.ts';
import { percentile } from '../evaluate/percentiles.ts';
import { type Stage, type StageTimes, stageTimesOf } from '../observe/stages.ts';
import { startServer } from './child.ts';
import { type BenchReport, rounded } from './report.ts';
import { timed } from './timed.ts';

export interface SearchBenchOptions {
  readonly rounds: number;
  /** Questions asked a round, each of the cluster and through the proxy. */
  readonly searches: number;
  /** Directory of a checkout, whose packages' documentation is searched. */
  readonly root: string;
  readonly signal: AbortSignal;
  /** Told after every round. */
  readonly onRound: () => void;
}

export interface SearchTimes {
  readonly documents: number;
  /** Milliseconds of every search at the cluster itself, for the first page. */
  readonly cluster: readonly number[];
  /** Milliseconds of every re-ranked search, as the client sees it. */
  readonly reranked: readonly number[];
  /** What the proxy says of each. */
  readonly stages: readonly StageTimes[];
}

const index = 'bench';
const PAGE = 10;

/**
 * States are computed on sight while every question is asked once, and come from the cache from then on.
 * @throws MiceError when the engine or the proxy does not start, `aborted`
 */
export async function benchSearches(options: SearchBenchOptions): Promise<SearchTimes> {
  const { root, signal } = options;
  const { corpus, questions } = await openDemoData(root, undefined);
  const texts = questions.slice(0, options.searches).map(({ text }) => text);
  const server = await startEngine({ compiler: 'throughput' });
  try {
    const engine = await connectEngine({ url: server.url });
    await engine.createIndex(index, indexBody(engine, await analyzerOf(engine)));
    await loadCorpus(corpus, { url: server.url, index }, { signal });
    await engine.refresh(index);
    const flags = [
      '--upstream-url',
      server.url,
      '--listen-port',
      '0',
      '--log-level',
      'warn',
      '--cache-queries',
      '0',
    ];
    const proxy = await startServer('../cli/main', [
      'proxy',
      '--json',
      ...flags,
      '--rerank-deadline',
      '60000',
    ]);
    const proxied = engine.through(proxy.url);
    try {
      return { documents: corpus.documents, ...(await ask(engine, proxied, texts, options)) };
    } finally {
      await Promise.all([engine.close(), proxied.close()]);
      await proxy.stop();
    }
  } finally {
    await server.stop();
  }
}

async function ask(
  engine: Engine,
  proxied: Engine,
  texts: readonly string[],
  { rounds, signal, onRound }: SearchBenchOptions,
): Promise<Omit<SearchTimes, 'documents'>> {
  const cluster: number[] = [];
  const reranked: number[] = [];
  const stages: StageTimes[] = [];
  const page = (text: string) => ({ ...bm25Search(text), size: PAGE });
  const explained = (text: string) => ({ ...page(text), ext: { mice: { explain: true } } });
  for (const text of texts) await proxied.search(index, explained(text));
  for (let round = 0; round < rounds; round++) {
    for (const text of texts) {
      signal.throwIfAborted();
      const direct = await timed(() => engine.search(index, page(text)));
      const ours = await timed(() => proxied.search(index, explained(text)));
      const { headers } = ours.answer;
      expectReranked(headers['x-mice']);
      cluster.push(direct.ms);
      reranked.push(ours.ms);
      stages.push(stageTimesOf(headers['server-timing'] ?? ''));
    }
    onRound();
  }
  return { cluster, reranked, stages };
}

function expectReranked(verdict = ''): void {
  if (!verdict.startsWith('reranked'))
    throw new MiceError('proxy-refused', `A search was not re-ranked: ${verdict}.`);
}

/** A row for the cluster's own search, one for the whole re-ranked one, and one a stage. */
export function searchRows({ cluster, reranked, stages }: SearchTimes): BenchReport['rows'] {
  const names = [...new Set(stages.flatMap((times) => Object.keys(times) as Stage[]))];
  const row = (search: string, times: readonly number[]) => ({
    search,
    ...rounded({ p50Ms: percentile(times, 50), p95Ms: percentile(times, 95), p99Ms: percentile(times, 99) }),
  });
  return [
    row('cluster', cluster),
    row('reranked', reranked),
    ...names.map((name) =>
      row(
        `stage ${name}`,
        stages.map((times) => times[name] ?? 0),
      ),
    ),
  ];
}
