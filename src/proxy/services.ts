/** What every route works with; opened once, closed in reverse order. */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { checkBundles, settingsForBundle } from '../config/bundles.ts';
import { type OptionKey, options, type Settings } from '../config/options.ts';
import { connectEngine } from '../engine/connect.ts';
import type { Engine, EngineAddress } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { openPlacing, type Placing } from '../ingest/stores/placing.ts';
import { type Sweeper, startSweeper } from '../ingest/sweeper.ts';
import { plainSelection, type SelectionOf, selections } from '../ingest/text.ts';
import { openWriteBack, type WriteBack } from '../ingest/write-back.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import type { Model } from '../model/model.ts';
import { openModel, type PassageOptions } from '../model/runtime.ts';
import { loggable, openLog } from '../observe/log.ts';
import { type Metrics, openMetrics } from '../observe/metrics.ts';
import { openMemoryCache, type StatesCache, type StatesShelf } from '../states/cache.ts';
import { openDiskShelf } from '../states/disk-shelf.ts';
import { type JudgementsOf, readJudgements } from './judgements.ts';
import { type LiveStates, openLiveStates } from './live-states.ts';
import { type Load, openLoad } from './load.ts';
import { openSeenStates, type SeenStates } from './seen-states.ts';
import { openSteps, type Steps } from './steps.ts';
import { upstreamIdentity } from './tls.ts';
import { openUpstream, type Upstream } from './upstream.ts';
import { openWindowCache, type WindowCache } from './window-cache.ts';

export interface Services {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly upstream: Upstream;
  readonly model: Model;
  readonly live: LiveStates;
  /** States seen lately, by content hash. */
  readonly cache: StatesCache;
  /** Those of documents that searches found lately. */
  readonly seen: SeenStates;
  /** Whether a search asks for states at once, or for those that were not seen. */
  readonly steps: Steps;
  /** Which texts of an index's documents are read. */
  readonly selectionOf: SelectionOf;
  readonly pages: WindowCache;
  readonly judgementsOf: JudgementsOf;
  readonly load: Load;
  /** Where the states of an index lie. */
  readonly placing: Placing;
  /** Takes what was encoded on sight; used where `cache.write-back` is set. */
  readonly writeBack: WriteBack;
  /** Where `sweep.indices` names some. */
  readonly sweeper: Sweeper | undefined;
  /** The same of further bundles, by name; each with settings of its own, and without others. */
  readonly others: ReadonlyMap<string, Services>;
  readonly log: Logger;
  readonly metrics: Metrics;
  close(): Promise<void>;
}

/** @throws MiceError when the bundle does not check out or no supported engine answers */
export async function openServices(settings: Settings): Promise<Services> {
  checkBundles(settings);
  const log = openLog(settings.logLevel);
  const engine = await connectEngine(serviceAddress(settings));
  const shared = { engine, upstream: upstreamOf(settings), log, metrics: openMetrics() };
  const parts = { ...shared, ...(await openBundleParts(settings, settings.cachePath, log)) };
  const others = new Map<string, Services>();
  for (const { name } of settings.modelOthers) {
    const own = settingsForBundle(settings, name);
    // A directory on disk is used by one bundle: each has its own beside the first's.
    const path = settings.cachePath === '' ? '' : join(settings.cachePath, name);
    others.set(name, await assembled(own, { ...shared, ...(await openBundleParts(own, path, log)) }));
  }
  return assembled(settings, parts, { others });
}

type BundleParts = Pick<Services, 'model' | 'live' | 'cache' | 'seen' | 'steps'>;

async function openBundleParts(settings: Settings, cachePath: string, log: Logger): Promise<BundleParts> {
  const model = await openModel(settings.modelBundle || defaultBundleDirectory(), {
    ...(settings.modelThreads > 0 && { threads: settings.modelThreads }),
    queueLimit: settings.modelQueue,
    queryCacheBytes: settings.cacheQueriesMb * 1e6,
    passages: passageOptions(settings),
  });
  const shelf = cachePath === '' ? undefined : await openShelf({ ...settings, cachePath }, model, log);
  const cache = openMemoryCache(settings.cacheMb * 1e6, shelf);
  const live = openLiveStates(model, settings.cacheMb * 1e6, cache);
  return { model, cache, live, seen: openSeenStates(cache), steps: openSteps() };
}

/**
 * The same services under other settings; what the settings leave as it was is shared with `before`.
 * @param settings as {@link reloaded} gives them
 * @throws MiceError when the cluster is another one and no supported engine answers there
 */
export async function reopenServices(before: Services, settings: Settings): Promise<Services> {
  checkBundles(settings);
  const sameCluster = upstreamKeys.every((key) => isSame(settings[key], before.settings[key]));
  const cluster = sameCluster
    ? before
    : { engine: await connectEngine(serviceAddress(settings)), upstream: upstreamOf(settings) };
  before.log.level = settings.logLevel;
  const { engine, upstream } = cluster;
  const sameSweep = sameCluster && sweepKeys.every((key) => isSame(settings[key], before.settings[key]));
  const kept = ({ placing, sweeper }: Services) => (sameSweep ? { placing, sweeper } : {});
  const others = new Map<string, Services>();
  for (const [name, other] of before.others) {
    const own = settingsForBundle(settings, name);
    others.set(name, await assembled(own, { ...other, engine, upstream }, kept(other)));
  }
  return assembled(settings, { ...before, engine, upstream }, { ...kept(before), others });
}

/**
 * Closes what `before` does not share with `after`: its sweeper at once, the rest when its requests have ended.
 * @param ended resolves when the last request that works with `before` has its answer
 */
export async function retire(before: Services, after: Services, ended: Promise<void>): Promise<void> {
  const pairs: (readonly [Services, Services | undefined])[] = [[before, after]];
  for (const [name, other] of before.others) pairs.push([other, after.others.get(name)]);
  for (const [one, next] of pairs) if (one.sweeper !== next?.sweeper) await one.sweeper?.close();
  await ended;
  for (const [one, next] of pairs) {
    await one.writeBack.close();
    if (one.placing !== next?.placing) one.placing.close();
  }
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
/** What a sweep depends on, besides the cluster. */
const sweepKeys = optionKeys.filter(
  (key) =>
    key.startsWith('sweep') ||
    key.startsWith('text') ||
    key.startsWith('states') ||
    ['ingestEnabled', 'fieldsObject', 'passagesVectors'].includes(key),
);

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

type Parts = BundleParts &
  Pick<Services, 'engine' | 'upstream' | 'log' | 'metrics'> & { readonly load?: Load };

type Kept = Partial<Pick<Services, 'placing' | 'sweeper' | 'others'>>;

/** @param kept what goes on as it is: a sweeper with its placing, and the services of other bundles */
async function assembled(settings: Settings, parts: Parts, kept: Kept = {}): Promise<Services> {
  const { engine, upstream, model, live, cache, seen, steps, log, metrics } = parts;
  const judgementsOf =
    settings.shadowJudgements === '' ? () => undefined : readJudgements(settings.shadowJudgements);
  const selectionOf = selections(settings.textRules, plainSelection(settings.textFields));
  const placing =
    kept.placing ??
    openPlacing({
      ...{ engine, object: settings.fieldsObject, rules: settings.statesRules },
      onFault: (error) =>
        log.warn(loggable(error), 'where states lie could not be read: documents may go without them'),
    });
  await placing.refresh();
  const writeBack = openWriteBack({
    ...{ engine, model, cache, selectionOf, placing, object: settings.fieldsObject },
    passageVectors: settings.passagesVectors === 'passage',
    onWritten: (documents) => metrics.countDocuments('written-back', documents),
    onFault: (error) => log.warn(loggable(error), 'states that were encoded on sight were not written back'),
  });
  const sweeper = kept.placing ? kept.sweeper : sweeperUnder(settings, parts, selectionOf, placing);
  const { others = new Map<string, Services>() } = kept;
  return {
    settings,
    engine,
    upstream,
    model,
    live,
    cache,
    seen,
    steps,
    selectionOf,
    writeBack,
    sweeper,
    pages: openWindowCache(settings.pagesMb * 1e6, settings.pagesKeepMs),
    judgementsOf,
    load: openLoad(settings, parts.load),
    placing,
    others,
    log,
    metrics,
    async close() {
      const all = [...others.values(), { placing, sweeper, writeBack, model, cache }];
      for (const one of all) {
        one.placing.close();
        await one.sweeper?.close();
        await one.writeBack.close();
      }
      await upstream.close();
      for (const one of all) {
        await one.model.close();
        await one.cache.close();
      }
      await engine.close();
    },
  };
}

function sweeperUnder(
  settings: Settings,
  { engine, model, log, metrics }: Parts,
  selectionOf: SelectionOf,
  placing: Placing,
): Sweeper | undefined {
  if (!settings.ingestEnabled || settings.sweepIndices.length === 0) return undefined;
  const isOther = settings.modelOthers.some(({ object }) => object === settings.fieldsObject);
  return startSweeper({
    ...{ engine, model, selectionOf, placing, object: settings.fieldsObject },
    passageVectors: settings.passagesVectors === 'passage',
    indices: settings.sweepIndices,
    ...{ rate: settings.sweepRate, intervalMs: settings.sweepIntervalS * 1000 },
    onSwept: ({ written }) => metrics.countDocuments('swept', written),
    onFault(error, index) {
      // Not every index has to be set up for every bundle.
      const isMeant = isOther && error instanceof MiceError && error.code === 'index-mapping';
      log[isMeant ? 'debug' : 'warn']({ ...loggable(error), index }, 'an index could not be swept');
    },
  });
}

function upstreamOf(settings: Settings): Upstream {
  return openUpstream([settings.upstreamUrl, ...settings.upstreamNodes], {
    tls: upstreamIdentity(settings),
    connectMs: settings.upstreamConnectMs,
    failures: settings.upstreamFailures,
    pauseMs: settings.breakerPauseMs,
  });
}

function openShelf(
  { cachePath, cacheDiskMb }: Settings,
  { bundle, splitting }: Model,
  log: Logger,
): Promise<StatesShelf | undefined> {
  return openDiskShelf({
    ...{ directory: cachePath, limitBytes: cacheDiskMb * 1e6, bundleId: bundle.id, splitting },
    onFault: (fault) => log.warn({ fault }, 'the cache on disk'),
  });
}

/** How a model is to read long texts. */
export function passageOptions(settings: Settings): PassageOptions {
  const { passagesTokens: tokens, passagesOverlap: overlap, passagesMax: most, statesTokens } = settings;
  return { tokens, overlap, most, ...(statesTokens !== 'bundle' && { kept: statesTokens }) };
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
