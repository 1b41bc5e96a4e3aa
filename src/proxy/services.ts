/** What every route works with; opened once, closed in reverse order. */
import type { Logger } from 'pino';
import type { Settings } from '../config/options.ts';
import { connectEngine } from '../engine/connect.ts';
import type { Engine } from '../engine/port.ts';
import { type IsPrepared, openPrepared } from '../ingest/prepared.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import type { Model } from '../model/model.ts';
import { openModel } from '../model/runtime.ts';
import { loggable, openLog } from '../observe/log.ts';
import { type Metrics, openMetrics } from '../observe/metrics.ts';
import { type JudgementsOf, readJudgements } from './judgements.ts';
import { type LiveStates, openLiveStates } from './live-states.ts';
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
  readonly isPrepared: IsPrepared;
  readonly log: Logger;
  readonly metrics: Metrics;
  close(): Promise<void>;
}

/** @throws MiceError when the bundle does not check out or no supported engine answers */
export async function openServices(settings: Settings): Promise<Services> {
  const log = openLog(settings.logLevel);
  const judgementsOf =
    settings.shadowJudgements === '' ? () => undefined : readJudgements(settings.shadowJudgements);
  const engine = await connectEngine(serviceAddress(settings));
  const model = await openModel(settings.modelBundle || defaultBundleDirectory(), {
    ...(settings.modelThreads > 0 && { threads: settings.modelThreads }),
    queueLimit: settings.modelQueue,
  });
  const upstream = openUpstream(settings.upstreamUrl);
  return {
    settings,
    engine,
    upstream,
    model,
    live: openLiveStates(model, settings.cacheMb * 1e6),
    pages: openWindowCache(settings.pagesMb * 1e6, settings.pagesKeepMs),
    judgementsOf,
    isPrepared: openPrepared(engine, settings.fieldsObject, (error) =>
      log.warn(loggable(error), 'the mapping of an index could not be read: its documents go without states'),
    ),
    log,
    metrics: openMetrics(),
    async close() {
      await upstream.close();
      await model.close();
      await engine.close();
    },
  };
}

/** The cluster as the service itself addresses it. */
export function serviceAddress(settings: Settings): { url: string; headers: Record<string, string> } {
  const { upstreamUrl: url, upstreamAuthorization: authorization } = settings;
  return { url, headers: authorization === '' ? {} : { authorization } };
}
