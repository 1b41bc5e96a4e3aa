/** What passing a request through costs, against asking directly and against the plainest proxy, and what re-ranking does. */
import { percentile } from '../evaluate/percentiles.ts';
import { type ChildServer, openProcesses } from './child.ts';
import { latenciesMs, throughput } from './load.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median, rounded } from './report.ts';
import { benchSearches, type SearchTimes, searchRows } from './searches.ts';

export interface ProxyBenchOptions {
  readonly rounds: number;
  /** Requests one after the other, a round and target. */
  readonly requests: number;
  /** Connections while throughput is measured, and for how long, a round and target. */
  readonly connections: number;
  readonly secondsEach: number;
  /** Questions asked of a real engine a round, directly and re-ranked; 0 leaves that part out. */
  readonly searches: number;
  /** Directory of a checkout, whose packages' documentation is searched. */
  readonly root: string;
  readonly signal: AbortSignal;
  /** Told after every round. */
  readonly onRound: () => void;
}

const targets = ['direct', 'bare', 'mice'] as const;
type Target = (typeof targets)[number];

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** Processor time of the server for a request; undefined where the system does not tell. */
  readonly cpuUs: number | undefined;
}

/** @throws MiceError `aborted` when the signal fires between two rounds */
export async function benchProxy(options: ProxyBenchOptions): Promise<BenchReport> {
  const machine = machineFacts();
  const processes = openProcesses();
  try {
    const direct = await processes.server('./stub-cluster');
    const bare = await processes.server('./bare-proxy', [direct.url]);
    const mice = await processes.server('../cli/main', proxyArguments(direct.url));
    const rounds = await measure({ direct, bare, mice }, options);
    await processes.stop();
    const searches = options.searches === 0 ? undefined : await benchSearches(options);
    return {
      machine,
      conditions: { ...conditionsOf(options), ...(searches && searchConditions(options, searches)) },
      ratios: { ...ratiosOf(rounds), ...(searches && rounded(searchRatios(searches))) },
      rows: [...rowsOf(rounds), ...(searches ? searchRows(searches) : [])],
    };
  } finally {
    await processes.stop();
  }
}

function searchRatios({ cluster, reranked }: SearchTimes) {
  return {
    rerankedVsClusterP50: percentile(reranked, 50) / percentile(cluster, 50),
    rerankedVsClusterP95: percentile(reranked, 95) / percentile(cluster, 95),
  };
}

function searchConditions({ searches }: ProxyBenchOptions, { documents }: SearchTimes) {
  return {
    searches,
    documents,
    searched:
      'one after the other, pages of 10 from windows of 100, states in the cache; embedded OpenSearch',
  };
}

function proxyArguments(upstream: string): string[] {
  const flags = { 'upstream-url': upstream, 'listen-port': '0', 'model-threads': '1', 'log-level': 'warn' };
  return ['proxy', '--json', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])];
}

async function measure(
  servers: Readonly<Record<Target, ChildServer>>,
  { rounds, requests, connections, secondsEach, signal, onRound }: ProxyBenchOptions,
): Promise<Readonly<Record<Target, readonly Round[]>>> {
  const measured: Record<Target, Round[]> = { direct: [], bare: [], mice: [] };
  for (const target of targets) await throughput(servers[target].url, connections, secondsEach * 1000);
  for (let round = 0; round < rounds; round++) {
    // Every target comes first equally often: what runs beside does not hit the same one each time.
    for (let at = 0; at < targets.length; at++) {
      signal.throwIfAborted();
      const target = targets[(round + at) % targets.length]!;
      const { url, cpuMs } = servers[target];
      const times = await latenciesMs(url, requests);
      const cpuBefore = cpuMs();
      const { perSecond, done } = await throughput(url, connections, secondsEach * 1000);
      const cpuAfter = cpuMs();
      measured[target].push({
        p50: percentile(times, 50),
        p99: percentile(times, 99),
        perSecond,
        cpuUs:
          cpuBefore === undefined || cpuAfter === undefined
            ? undefined
            : ((cpuAfter - cpuBefore) * 1000) / done,
      });
    }
    onRound();
  }
  return measured;
}

function ratiosOf({ direct, bare, mice }: Readonly<Record<Target, readonly Round[]>>): BenchReport['ratios'] {
  const over = (compare: (round: number) => number) => median(mice.map((_, round) => compare(round)));
  return rounded({
    throughputVsBare: over((round) => mice[round]!.perSecond / bare[round]!.perSecond),
    addedP50Ms: over((round) => mice[round]!.p50 - direct[round]!.p50),
    addedP99Ms: over((round) => mice[round]!.p99 - direct[round]!.p99),
    ...(mice.every(({ cpuUs }) => cpuUs !== undefined) && {
      cpuVsBare: over((round) => bare[round]!.cpuUs! / mice[round]!.cpuUs!),
    }),
    bareAddedP50Ms: over((round) => bare[round]!.p50 - direct[round]!.p50),
    bareAddedP99Ms: over((round) => bare[round]!.p99 - direct[round]!.p99),
  });
}

function rowsOf(measured: Readonly<Record<Target, readonly Round[]>>): BenchReport['rows'] {
  return targets.map((target) => ({
    target,
    ...rounded({
      p50Ms: median(measured[target].map(({ p50 }) => p50)),
      p99Ms: median(measured[target].map(({ p99 }) => p99)),
      requestsPerSecond: median(measured[target].map(({ perSecond }) => perSecond)),
      ...(measured[target].every(({ cpuUs }) => cpuUs !== undefined) && {
        cpuUsPerRequest: median(measured[target].map(({ cpuUs }) => cpuUs!)),
      }),
    }),
  }));
}

function conditionsOf({ rounds, requests, connections, secondsEach }: ProxyBenchOptions) {
  return {
    rounds,
    requests,
    connections,
    secondsEach,
    asked:
      'in turn GET with 1 kB, GET with 32 kB, POST of 4 kB with 1 kB back; a stub in place of the cluster',
    figures: 'medians over rounds; differences and quotients are taken round by round',
  };
}
