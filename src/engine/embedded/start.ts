/** A real search server from nothing: fetched, verified, unpacked, started, ready. */
import { MiceError } from '../../errors.ts';
import type { EngineName } from '../port.ts';
import { type Distribution, distributionOf } from './artifacts.ts';
import { defaultCacheDirectory } from './cache.ts';
import { type EngineExit, EngineProcess } from './engine-process.ts';
import type { FetchOptions } from './fetch.ts';
import { serverHome } from './home.ts';
import { type JavaChoice, javaFor } from './java.ts';
import type { Launch, LaunchOrder, SettingValue } from './launch.ts';
import { launchElasticsearch } from './launch-elasticsearch.ts';
import { launchOpenSearch } from './launch-opensearch.ts';
import { freePorts } from './ports.ts';
import { untilReady } from './ready.ts';
import { type Repositories, repositoriesOf } from './repositories.ts';
import { makeRunDirectory, type RunDirectory, removeRunDirectory } from './run-directory.ts';

export interface StartOptions {
  /** Default `opensearch`. */
  readonly engine?: EngineName;
  /** One of the pinned versions; default 3.6.0 of OpenSearch, 9.5.3 of Elasticsearch. */
  readonly version?: string;
  /** HTTP port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /** Where data stays after the run; by default it is temporary and removed at the end. */
  readonly dataDirectory?: string;
  /** Java heap, default 512. */
  readonly heapMb?: number;
  /** `quick-start` (default) compiles lightly; `throughput` starts slower and searches faster. */
  readonly compiler?: LaunchOrder['compiler'];
  /** `pinned` takes the pinned runtime even where a newer Java is installed; default `any`. */
  readonly java?: JavaChoice;
  /** Default: see {@link defaultCacheDirectory}. */
  readonly cacheDirectory?: string;
  /** Default: from the environment. */
  readonly repositories?: Repositories;
  /** Node settings beside or instead of ours; null takes one of ours away. */
  readonly settings?: Readonly<Record<string, SettingValue | null>>;
  /** Time from the start of the process to a ready node, default five minutes. */
  readonly readyTimeoutMs?: number;
}

export interface EmbeddedEngine {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly name: EngineName;
  readonly version: string;
  readonly pid: number;
  /** Where its logs, configuration and temporary files are while it runs. */
  readonly directory: string;
  /** Settles when the engine has ended, asked or not. Never rejects. */
  readonly exited: Promise<EngineExit>;
  /** Ends the engine and removes what is temporary. Can be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts an engine and waits until it is ready. Throws `artifact-fetch`, `artifact-hash`, `java-missing`,
 * `disk-full`, `port-taken`, `bad-option`, `engine-failed`; nothing is left running or lying about then.
 */
export async function startEngine(options: StartOptions = {}): Promise<EmbeddedEngine> {
  const distribution = distributionOf(options.engine ?? 'opensearch', options.version);
  const { engine: name, version } = distribution;
  const heapMb = heapOf(options);
  const ports = await freePorts(options.port ?? 0, 2);
  const fetching = fetchOptions(options);
  const java = await javaFor(distribution.oldestJava, fetching, options.java);
  const home = await serverHome(distribution, fetching);
  const run = await makeRunDirectory(distribution.engine, home, options.dataDirectory);
  const settings = nodeSettings(distribution, run, ports, options.settings ?? {});
  const order = {
    home,
    version,
    java,
    run,
    settings,
    heapMb,
    compiler: options.compiler ?? 'quick-start',
  };
  const url = `http://127.0.0.1:${settings['http.port']}`;
  try {
    const server = await EngineProcess.start(java.home, launches[distribution.engine](order), run);
    const stop = () => server.stop().finally(() => removeRunDirectory(run));
    await untilReady(url, server, options.readyTimeoutMs ?? 300_000).catch((fault: unknown) =>
      stop().finally(() => rethrow(fault)),
    );
    return { url, name, version, pid: server.pid, directory: run.root, exited: server.exited, stop };
  } catch (fault) {
    await removeRunDirectory(run);
    throw fault;
  }
}

const launches: Readonly<Record<EngineName, (order: LaunchOrder) => Launch>> = {
  opensearch: launchOpenSearch,
  elasticsearch: launchElasticsearch,
};

/** Fetches and unpacks what {@link startEngine} would need, so that a later start is quick and offline. */
export async function prepareEngine(
  options: StartOptions = {},
): Promise<{ readonly home: string; readonly java: string }> {
  const distribution = distributionOf(options.engine ?? 'opensearch', options.version);
  const fetching = fetchOptions(options);
  const java = await javaFor(distribution.oldestJava, fetching, options.java);
  return { home: await serverHome(distribution, fetching), java: java.home };
}

function fetchOptions(options: StartOptions): FetchOptions {
  return {
    cacheDirectory: options.cacheDirectory ?? defaultCacheDirectory(),
    repositories: options.repositories ?? repositoriesOf(),
  };
}

/** A single node that listens on the loopback only, and stays writable when the disk is nearly full. */
function nodeSettings(
  distribution: Distribution,
  run: RunDirectory,
  [http = 0, transport = 0]: readonly number[],
  extra: NonNullable<StartOptions['settings']>,
): Readonly<Record<string, SettingValue>> {
  const ours = {
    'node.name': `mice-${distribution.engine}`,
    'http.port': http,
    'transport.port': transport,
    'path.data': run.data,
    'path.logs': run.logs,
    'network.host': '127.0.0.1',
    'discovery.type': 'single-node',
    'cluster.routing.allocation.disk.threshold_enabled': false,
  };
  const merged: [string, SettingValue | null][] = Object.entries({ ...ours, ...extra });
  return Object.fromEntries(merged.filter((entry): entry is [string, SettingValue] => entry[1] !== null));
}

function heapOf(options: StartOptions): number {
  const heapMb = options.heapMb ?? 512;
  if (Number.isInteger(heapMb) && heapMb >= 128) return heapMb;
  throw new MiceError('bad-option', `A heap of ${heapMb} MB is not accepted.`, {
    hint: 'A whole number of at least 128.',
  });
}

function rethrow(fault: unknown): never {
  throw fault;
}
