/** What the exchanges of all kinds of searches share: passing on with a verdict, reading sources, needs of scoring. */
import { MiceError } from '../errors.ts';
import { fieldNames, plainSelection, type SelectionOf } from '../ingest/text.ts';
import { loggable } from '../observe/log.ts';
import type { StageClock } from '../observe/stages.ts';
import { serverTiming } from '../observe/stages.ts';
import { checkStates } from '../states/check.ts';
import { readBody } from './body.ts';
import { answerBytes, type Exchange, relay, type Substitute } from './exchange.ts';
import { fetchStates } from './fetch-states.ts';
import { headersForUpstream } from './headers.ts';
import type { HitPlace } from './hits.ts';
import { locateStates } from './load-states.ts';
import { statesFieldOf, type Wanted } from './plan.ts';
import { report } from './report.ts';
import type { ScoringNeeds } from './rerank.ts';
import { bodyHeaders, isJson, plainSubstitute } from './routes.ts';
import type { Services } from './services.ts';
import { readAnswer, type UpstreamAnswer } from './upstream.ts';
import { type SkipReason, type UsedFirstStage, type Verdict, verdictsHeader } from './verdicts.ts';

/** Largest request or answer that is held in memory. */
export function limitBytes({ settings }: Services): number {
  return settings.bodyLimitMb * 1e6;
}

export interface ReadSearch {
  /** As received. */
  readonly raw: Buffer;
  /** With gzip undone. */
  readonly plain: Buffer;
}

/** The body of a search; undefined where it cannot be read here, and the cluster has then answered instead. */
export async function readSearch(exchange: Exchange, services: Services): Promise<ReadSearch | undefined> {
  const { request } = exchange;
  if (!isJson(request.headers['content-type']) || !acceptsJson(request.headers.accept)) {
    await skip(exchange, services, 'media-type');
    return undefined;
  }
  const body = await readBody(request, limitBytes(services));
  if (body.kind === 'whole') return body;
  await skip(exchange, services, 'too-large', { body: body.stream });
  return undefined;
}

/** Sends the search on as it came, but for `substitute`, and says why it was left to the cluster. */
export function skip(
  exchange: Exchange,
  services: Services,
  reason: SkipReason,
  substitute: Substitute = {},
  firstStage?: UsedFirstStage,
): Promise<void> {
  return passOn(exchange, services, [{ outcome: 'skipped', reason, firstStage }], substitute);
}

/** Streams the cluster's answer, with what became of each search of the request. */
export async function passOn(
  exchange: Exchange,
  services: Services,
  verdicts: readonly Verdict[],
  substitute: Substitute,
): Promise<void> {
  report(exchange, services, verdicts);
  await relay(exchange, services.upstream, substitute, ['x-mice', verdictsHeader(verdicts)]);
}

/** A verdict on a search that is passed on because the model has no room for it. */
export function unscored(
  exchange: Exchange,
  { model }: Services,
  reason: 'overloaded' | 'model-rests',
): Verdict {
  const tookMs = performance.now() - exchange.startedMs;
  return { outcome: 'degraded', reason, window: 0, scored: 0, model: model.bundle.model, tookMs };
}

/** The body as it came, compressed or not, unless something of ours was cut out of it. */
export function unlessOurs({ raw, plain }: ReadSearch, body: Buffer): Substitute {
  return body === plain ? { body: raw.length === 0 ? null : raw } : plainSubstitute(body);
}

/** A request whose answer is to be read here, so that it comes uncompressed. */
export function readable(path: string, body: Buffer): Substitute {
  return { ...plainSubstitute(body), path, drop: [...bodyHeaders, 'accept-encoding'] };
}

/**
 * Answers with re-ranked bytes, and counts and tells what became of each search.
 * @throws MiceError `aborted` where the caller left: what was not scored for it then is no degradation
 */
export function answerReranked(
  exchange: Exchange,
  services: Services,
  answer: Pick<UpstreamAnswer, 'status' | 'headers'>,
  body: Buffer,
  verdicts: readonly Verdict[],
  timing: { readonly clock: StageClock; readonly explain: boolean },
): void {
  if (exchange.signal.aborted)
    throw new MiceError('aborted', 'The caller left while its answer was re-ranked.');
  report(exchange, services, verdicts, timing.clock.timesMs);
  answerBytes(exchange, answer, body, {
    'x-mice': verdictsHeader(verdicts),
    ...(timing.explain && { 'server-timing': serverTiming(timing.clock.timesMs) }),
  });
}

/** @param statesPath where states are asked for after the search; undefined where they come with it */
export function scoringNeeds(
  exchange: Exchange,
  services: Services,
  plan: Wanted,
  statesPath?: string,
): ScoringNeeds {
  const { model, live, load, log, metrics, judgementsOf, settings, writeBack, engine, placing } = services;
  const { seen, steps } = services;
  const statesField = statesFieldOf(settings);
  const selectionOf = selectionsFor(plan.textFields, services);
  const askForStates = (path: string) => (hits: readonly HitPlace[], signal: AbortSignal) =>
    fetchStates((body) => askCluster(exchange, services, path, body, signal), hits, statesField);
  return {
    model,
    live,
    load,
    log,
    judgementsOf,
    statesField,
    selectionOf,
    locate: locateStates({
      ...{ engine, placing, object: settings.fieldsObject },
      memory: statesPath === undefined ? undefined : { seen, ask: askForStates(statesPath) },
      onFault: (error) =>
        log.warn(loggable(error), 'states could not be read: their documents are read instead'),
    }),
    saw: seen.saw,
    onRead(hits, inMemory) {
      steps.observe(plan.index, inMemory / hits);
      metrics.countStates(hits, inMemory);
    },
    remember: (states) => rememberStates(services, states),
    onEncoded: settings.cacheWriteBack ? (hits) => writeBack.offer(hits) : undefined,
    fetchSources: (hits) => fetchSources(exchange, services, hits, selectionOf),
    onShadow: (changes) => {
      metrics.observeShadow(changes);
      log.info({ ...changes }, 'a shadow search was compared');
    },
    signal: exchange.signal,
    arrivedMs: exchange.startedMs,
  };
}

/** Under the hash they name, so that a text that turns out to be theirs is not encoded again. */
function rememberStates({ cache, model }: Services, states: Uint8Array): void {
  const check = checkStates(states, { bundleId: model.bundle.id });
  if (check.kind === 'ok') cache.remember(check.header.hash, states);
}

/** Fields that a caller or a rule of searches names hold for all indices; those of the settings follow their rules. */
function selectionsFor(fields: readonly string[], { settings, selectionOf }: Services): SelectionOf {
  if (fields === settings.textFields) return selectionOf;
  const named = plainSelection(fields);
  return () => named;
}

/** Sources by id, read with the caller's own credentials: nothing is seen that the caller may not see. */
async function fetchSources(
  exchange: Exchange,
  services: Services,
  hits: readonly HitPlace[],
  selectionOf: SelectionOf,
): Promise<readonly unknown[]> {
  const docs = hits.map(({ index, id, routing }) => ({
    _index: index,
    _id: id,
    ...(routing && { routing }),
  }));
  const fields = new Set(hits.flatMap(({ index }) => fieldNames(selectionOf(index))));
  const body = await askCluster(
    exchange,
    services,
    `/_mget?realtime=false&_source_includes=${encodeURIComponent([...fields].join(','))}`,
    Buffer.from(JSON.stringify({ docs })),
  );
  return JSON.parse(body.toString()).docs.map((doc: { _source?: unknown }) => doc._source);
}

/**
 * The body of the cluster's answer to a request of ours, made with the caller's credentials.
 * @throws MiceError `upstream-refused` where it is none with status 200
 */
export async function askCluster(
  exchange: Exchange,
  services: Services,
  path: string,
  body: Buffer,
  signal: AbortSignal = exchange.signal,
): Promise<Buffer> {
  const drop = [...bodyHeaders, 'accept-encoding', 'content-type', 'accept'];
  const answer = await services.upstream.send({
    method: 'POST',
    path,
    headers: [...headersForUpstream(exchange.request, drop), 'content-type', 'application/json'],
    body,
    signal,
  });
  const read = await readAnswer(answer.body, limitBytes(services));
  if (answer.status !== 200 || !read) {
    const [named] = path.split('?');
    throw new MiceError('upstream-refused', `${named} answered ${answer.status}.`);
  }
  return read;
}

/** Whether an answer in JSON suits the caller; no wish at all does. */
function acceptsJson(accept: string | undefined): boolean {
  return accept === undefined || /json|\*\/\*|application\/\*/i.test(accept);
}
