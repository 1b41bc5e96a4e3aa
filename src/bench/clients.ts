/**
 * Searches through a whole proxy by more and more clients at a time: what they get, and how long the proxy's event loop
 * is kept. The cluster is a stub that finds the same window for everybody, states in the answer.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { MiceError } from '../errors.ts';
import { percentile } from '../evaluate/percentiles.ts';
import type { Bundle } from '../model/bundle.ts';
import { contentHash } from '../states/hash.ts';
import { type ChildServer, openProcesses } from './child.ts';
import type { LoopDelays } from './loop-watch.ts';
import { type BenchReport, median, rounded } from './report.ts';
import { randomDocuments } from './stored-documents.ts';
import type { WindowDocument } from './stub-window.ts';

export interface ClientsOptions {
  readonly bundle: Bundle;
  readonly candidates: number;
  readonly documentTokens: number;
  readonly rounds: number;
  /** Milliseconds of every number of clients, a round. */
  readonly forMs: number;
  readonly signal: AbortSignal;
  /** Told after every round. */
  readonly onRound: () => void;
}

/** What a number of clients got. */
interface Served {
  /** Milliseconds of every search. */
  readonly times: readonly number[];
  readonly perSecond: number;
  /** Candidates that were scored, a second; under overload fewer of a window are. */
  readonly scoredPerSecond: number;
  /** Processor time of the proxy, all threads; undefined where the system does not tell. */
  readonly cpuMs: number | undefined;
  readonly loop: LoopDelays;
}

const CLIENTS = [1, 4, 16, 64];
const CHARACTERS_PER_TOKEN = 5;

/** @throws MiceError when a server does not start or a search is not answered, `aborted` */
export async function measureClients(options: ClientsOptions): Promise<Pick<BenchReport, 'ratios' | 'rows'>> {
  const directory = await mkdtemp(join(tmpdir(), 'mice-bench-'));
  const processes = openProcesses();
  try {
    const file = join(directory, 'window.json');
    await writeFile(file, JSON.stringify(windowOf(options)));
    const cluster = await processes.server('./stub-cluster', [file]);
    const proxy = await processes.server('./watched-proxy', proxyArguments(cluster.url, options.bundle));
    return reportOf(await measure(proxy, options));
  } finally {
    await processes.stop();
    await rm(directory, { recursive: true });
  }
}

/** Documents with their states, as an index that was set up has them. */
export function windowOf({
  bundle,
  candidates,
  documentTokens,
}: Pick<ClientsOptions, 'bundle' | 'candidates' | 'documentTokens'>): readonly WindowDocument[] {
  const texts = Array.from({ length: candidates }, (_, at) =>
    `document ${at} `.repeat(Math.ceil((documentTokens * CHARACTERS_PER_TOKEN) / 12)),
  );
  return randomDocuments(bundle, texts, documentTokens).map((states, at) => ({
    id: String(at),
    text: texts[at]!,
    fields: { 'mice.states': Buffer.from(states).toString('base64'), 'mice.hash': contentHash(texts[at]!) },
  }));
}

function proxyArguments(upstream: string, { directory }: Bundle): readonly string[] {
  const flags = {
    'upstream-url': upstream,
    'listen-port': '0',
    'model-bundle': directory,
    'text-fields': 'text',
    'cache-queries': '0',
    'log-level': 'error',
  };
  return ['proxy', '--json', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])];
}

async function measure(
  proxy: ChildServer,
  { rounds, forMs, signal, onRound }: ClientsOptions,
): Promise<ReadonlyMap<number, readonly Served[]>> {
  const found = new Map(CLIENTS.map((clients) => [clients, [] as Served[]]));
  await serve(proxy, 4, forMs);
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < CLIENTS.length; at++) {
      signal.throwIfAborted();
      const clients = CLIENTS[(round + at) % CLIENTS.length]!;
      found.get(clients)!.push(await serve(proxy, clients, forMs));
    }
    onRound();
  }
  return found;
}

/** Clients that always have a search under way, each with another question. */
async function serve(proxy: ChildServer, clients: number, forMs: number): Promise<Served> {
  const pool = new Pool(proxy.url, { connections: clients });
  await proxy.ask();
  const cpuBefore = proxy.cpuMs();
  const times: number[] = [];
  let scored = 0;
  const startedMs = performance.now();
  const keepAsking = async (client: number) => {
    for (let turn = 0; performance.now() - startedMs < forMs; turn++) {
      const askedMs = performance.now();
      const more = await ask(pool, `what does client ${client} want to know of document ${turn}`);
      scored += more;
      times.push(performance.now() - askedMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => keepAsking(client)));
  const seconds = (performance.now() - startedMs) / 1000;
  const loop = (await proxy.ask()) as LoopDelays;
  const cpuAfter = proxy.cpuMs();
  await pool.close();
  const cpuMs = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore;
  return { cpuMs, loop, times, perSecond: times.length / seconds, scoredPerSecond: scored / seconds };
}

/** How many candidates were scored. */
async function ask(pool: Pool, question: string): Promise<number> {
  const { statusCode, headers, body } = await pool.request({
    method: 'POST',
    path: '/window/_search',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: { match: { text: question } } }),
  });
  await body.dump({ limit: 1e7 });
  if (statusCode !== 200) throw new MiceError('proxy-refused', `A search was answered with ${statusCode}.`);
  return Number(/scored=(\d+)/.exec(String(headers['x-mice']))?.[1] ?? 0);
}

function reportOf(found: ReadonlyMap<number, readonly Served[]>): Pick<BenchReport, 'ratios' | 'rows'> {
  const rows = [...found].map(([clients, rounds]) => {
    const over = (value: (served: Served) => number) => median(rounds.map(value));
    const toldCpu = rounds.every(({ cpuMs }) => cpuMs !== undefined);
    const toldBusy = rounds.every(({ loop }) => loop.busyMs !== undefined);
    return {
      clients,
      ...rounded({
        searchesPerSecond: over(({ perSecond }) => perSecond),
        scoredPerSecond: over(({ scoredPerSecond }) => scoredPerSecond),
        p50Ms: over(({ times }) => percentile(times, 50)),
        p95Ms: over(({ times }) => percentile(times, 95)),
        loopLongestMs: Math.max(...rounds.map(({ loop }) => loop.longestMs)),
        loopP99Ms: over(({ loop }) => loop.p99Ms),
        ...(toldBusy && { loopBusyMs: Math.max(...rounds.map(({ loop }) => loop.busyMs!)) }),
        ...(toldCpu && { cpuMsPerSearch: over(({ cpuMs, times }) => cpuMs! / times.length) }),
      }),
    };
  });
  const best = Math.max(...rows.map(({ scoredPerSecond }) => scoredPerSecond));
  return { ratios: rounded({ mostClientsVsBest: rows.at(-1)!.scoredPerSecond / best }), rows };
}
