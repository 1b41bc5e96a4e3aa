/** What every route works with; opened once, closed in reverse order. */
import type { Logger } from 'pino';
import { type OptionKey, options, type Settings } from '../config/options.ts';
import { connectEngine } from '../engine/connect.ts';
import type { Engine, EngineAddress } from '../engine/port.ts';
import { type IsPrepared, openPrepared } from '../ingest/prepared.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import type { Model } from '../model/model.ts';
import { openModel } from '../model/runtime.ts';
import { loggable, openLog } from '../observe/log.ts';
import { type Metrics, openMetrics } from '../observe/metrics.ts';
import { type JudgementsOf, readJudgements } from './judgements.ts';
import { type LiveStates, openLiveStates } from './live-states.ts';
import { type Load, openLoad } from './load.ts';
import { upstreamIdentity } from './tls.ts';
import { openUpstream, type Upstream } from './upstream.ts';
import { openWindowCache, type WindowCache } from './window-cache.ts';

export interface Services {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly upstream: Upstream;
  readonly model: Model;
  readonly live: LiveStates;
  readonly pages: WindowCache;
  readonly judgementsOf: JudgementsOf;
  readonly load: Load;
  readonly isPrepared: IsPrepared;
  readonly log: Logger;
  readonly metrics: Metrics;
  close(): Promise<void>;
}

/** @throws MiceError when the bundle does not check out or no supported engine answers */
export async function openServices(settings: Settings): Promise<Services> {
  const log = openLog(settings.logLevel);
  const engine = await connectEngine(serviceAddress(settings));
  const model = await openModel(settings.modelBundle || defaultBundleDirectory(), {
    ...(settings.modelThreads > 0 && { threads: settings.modelThreads }),
    queueLimit: settings.modelQueue,
  });
  return assembled(settings, {
    engine,
    upstream: upstreamOf(settings),
    model,
    live: openLiveStates(model, settings.cacheMb * 1e6),
    log,
    metrics: openMetrics(),
  });
}

/**
 * The same services under other settings; what the settings leave as it was is shared with `before`.
 * @param settings as {@link reloaded} gives them
 * @throws MiceError when the cluster is another one and no supported engine answers there
 */
export async function reopenServices(before: Services, settings: Settings): Promise<Services> {
  const sameCluster = upstreamKeys.every((key) => isSame(settings[key], before.settings[key]));
  const cluster = sameCluster
    ? before
    : { engine: await connectEngine(serviceAddress(settings)), upstream: upstreamOf(settings) };
  before.log.level = settings.logLevel;
  return assembled(settings, { ...before, engine: cluster.engine, upstream: cluster.upstream });
}

/** Closes what `before` does not share with `after`. */
export async function retire(before: Services, after: Services): Promise<void> {
  if (before.upstream === after.upstream) return;
  await before.upstream.close();
  await before.engine.close();
}

export interface Reloaded {
  readonly settings: Settings;
  /** Names of options that were set anew and keep their value until the next start. */
  readonly kept: readonly string[];
}

/** What is in force after a reload: options that are fixed at the start keep their value. */
export function reloaded(before: Settings, next: Settings): Reloaded {
  const kept = optionKeys.filter((key) => 'fixed' in options[key] && !isSame(before[key], next[key]));
  return {
    settings: { ...next, ...Object.fromEntries(kept.map((key) => [key, before[key]])) },
    kept: kept.map((key) => options[key].name),
  };
}

const optionKeys = Object.keys(options) as OptionKey[];
const upstreamKeys = optionKeys.filter((key) => key.startsWith('upstream') || key === 'breakerPauseMs');

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function assembled(
  settings: Settings,
  parts: Pick<Services, 'engine' | 'upstream' | 'model' | 'live' | 'log' | 'metrics'> & {
    readonly load?: Load;
  },
): Services {
  const { engine, upstream, model, live, log, metrics } = parts;
  const judgementsOf =
    settings.shadowJudgements === '' ? () => undefined : readJudgements(settings.shadowJudgements);
  return {
    settings,
    engine,
    upstream,
    model,
    live,
    pages: openWindowCache(settings.pagesMb * 1e6, settings.pagesKeepMs),
    judgementsOf,
    load: openLoad(settings, parts.load),
    isPrepared: openPrepared(engine, settings.fieldsObject, (error) =>
      log.warn(loggable(error), 'the mapping of an index could not be read: its documents go without states'),
    ),
    log,
    metrics,
    async close() {
      await upstream.close();
      await model.close();
      await engine.close();
    },
  };
}

function upstreamOf(settings: Settings): Upstream {
  return openUpstream([settings.upstreamUrl, ...settings.upstreamNodes], {
    tls: upstreamIdentity(settings),
    connectMs: settings.upstreamConnectMs,
    failures: settings.upstreamFailures,
    pauseMs: settings.breakerPauseMs,
  });
}

/** The cluster as the service itself addresses it. */
export function serviceAddress(settings: Settings): EngineAddress {
  const { upstreamUrl: url, upstreamAuthorization: authorization } = settings;
  return {
    url,
    others: settings.upstreamNodes,
    tls: upstreamIdentity(settings),
    headers: authorization === '' ? {} : { authorization },
  };
}
