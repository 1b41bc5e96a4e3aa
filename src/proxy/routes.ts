/** What happens to each kind of request that is looked into. */
import { Readable } from 'node:stream';
import { MiceError } from '../errors.ts';
import { enrichBulk } from '../ingest/bulk.ts';
import { type EnrichNeeds, enrichDocuments } from '../ingest/enrich.ts';
import { loggable } from '../observe/log.ts';
import { serverTiming } from '../observe/stages.ts';
import { plainStream, readBody } from './body.ts';
import { controlsOfHeaders } from './controls.ts';
import { answerBytes, answerWith, type Exchange, type Substitute, sendOn } from './exchange.ts';
import { headersForUpstream } from './headers.ts';
import type { HitPlace } from './hits.ts';
import { planSearch, type RerankPlan } from './plan.ts';
import { rerankSearch } from './rerank.ts';
import type { Services } from './services.ts';
import { readAnswer } from './upstream.ts';
import { type SkipReason, verdictHeader } from './verdicts.ts';

/** Streams a request through untouched. */
export async function pass(
  exchange: Exchange,
  services: Services,
  substitute: Substitute = {},
): Promise<void> {
  const answer = await sendOn(exchange, services.upstream, substitute);
  services.metrics.countPassed(answer.status);
  await answerWith(exchange, answer);
}

/** `_search`: re-ranked where it asks in words, with a verdict in any case. */
export async function search(exchange: Exchange, services: Services): Promise<void> {
  const { request, target } = exchange;
  const controls = controlsOfHeaders(request.headers);
  if (!isJson(request.headers['content-type'])) return skip(exchange, services, 'media-type');
  const body = await readBody(request, services.settings.bodyLimitMb * 1e6);
  if (body.kind === 'unread') return skip(exchange, services, 'too-large', { body: body.stream });
  const plan = planSearch({ path: target, body: body.plain, controls }, services.settings);
  if (plan.kind === 'skip') return skip(exchange, services, plan.reason, unlessOurs(body, plan.body));
  const reranked = await rerankSearch(plan, {
    ...services,
    statesField: statesField(services),
    bodyLimitBytes: services.settings.bodyLimitMb * 1e6,
    searchWindow: () => sendOn(exchange, services.upstream, widened(plan)),
    fetchSources: (hits) => fetchSources(exchange, services, hits, plan.textFields),
    signal: exchange.signal,
  });
  if (reranked.kind === 'replay')
    return skip(exchange, services, reranked.reason, unlessOurs(body, plan.body));
  const { verdict, clock } = reranked;
  services.metrics.countSearch(verdict.outcome, verdict.reason);
  services.metrics.observeStages(clock.timesMs);
  answerBytes(exchange, reranked, reranked.body, {
    'x-mice': verdictHeader(verdict),
    ...(plan.explain && { 'server-timing': serverTiming(clock.timesMs) }),
  });
}

/** `_bulk`: documents for prepared indices get vectors and states as they stream by. */
export async function bulk(exchange: Exchange, services: Services, index: string | undefined): Promise<void> {
  const plain = isJson(exchange.request.headers['content-type']) ? plainStream(exchange.request) : undefined;
  if (!plain) return pass(exchange, services);
  const enriched = enrichBulk(plain, {
    index,
    isPrepared: services.isPrepared,
    enrich: (sources) => enrichDocuments(sources, enrichNeeds(exchange, services)),
  });
  return pass(exchange, services, {
    body: await wholeIfShort(enriched),
    drop: bodyHeaders,
  });
}

/**
 * One piece as a whole, with its length; more as a stream. Elasticsearch reads a bulk request without a last line
 * break differently when its length is not announced.
 */
async function wholeIfShort(pieces: AsyncGenerator<Buffer>): Promise<Buffer | Readable | null> {
  const first = await pieces.next();
  if (first.done) return null;
  const second = await pieces.next();
  if (second.done) return first.value;
  return Readable.from(
    (async function* () {
      yield first.value;
      yield second.value;
      yield* pieces;
    })(),
  );
}

/** A single document, enriched where its index is prepared. */
export async function document(exchange: Exchange, services: Services, index: string): Promise<void> {
  if (!isJson(exchange.request.headers['content-type']) || !(await services.isPrepared(index))) {
    return pass(exchange, services);
  }
  const body = await readBody(exchange.request, services.settings.bodyLimitMb * 1e6);
  if (body.kind === 'unread') return pass(exchange, services, { body: body.stream });
  const [enriched] = await enrichDocuments([body.plain], enrichNeeds(exchange, services));
  return pass(exchange, services, plainSubstitute(enriched ?? body.plain));
}

async function skip(
  exchange: Exchange,
  services: Services,
  reason: SkipReason,
  substitute: Substitute = {},
): Promise<void> {
  services.metrics.countSearch('skipped', reason);
  const answer = await sendOn(exchange, services.upstream, substitute);
  await answerWith(exchange, answer, { 'x-mice': verdictHeader({ outcome: 'skipped', reason }) });
}

/** The body as it came, compressed or not, unless something of ours was cut out of it. */
function unlessOurs(
  { raw, plain }: { readonly raw: Buffer; readonly plain: Buffer },
  body: Buffer,
): Substitute {
  return body === plain ? { body: raw.length === 0 ? null : raw } : plainSubstitute(body);
}

/** What a request says of its body, and no longer holds of another one. */
const bodyHeaders = ['content-length', 'content-encoding'];

/** A plain body in place of the one that came. */
function plainSubstitute(body: Buffer): Substitute {
  return { body: body.length === 0 ? null : body, drop: bodyHeaders };
}

/** The answer is to be read here, so it comes uncompressed. */
function widened(plan: RerankPlan): Substitute {
  return { ...plainSubstitute(plan.body), path: plan.widenedPath, drop: [...bodyHeaders, 'accept-encoding'] };
}

function enrichNeeds(exchange: Exchange, services: Services): EnrichNeeds {
  const { settings, model, metrics, log } = services;
  return {
    model,
    textFields: settings.textFields,
    object: settings.fieldsObject,
    signal: exchange.signal,
    onEncoded: (documents) => metrics.countDocuments('enriched', documents),
    onFault: (error, documents) => {
      metrics.countDocuments('failed', documents);
      log.warn({ ...loggable(error), documents }, 'documents went on without states');
    },
  };
}

/** Sources by id, read with the caller's own credentials: nothing is seen that the caller may not see. */
async function fetchSources(
  exchange: Exchange,
  services: Services,
  hits: readonly HitPlace[],
  textFields: readonly string[],
): Promise<readonly unknown[]> {
  const docs = hits.map(({ index, id, routing }) => ({
    _index: index,
    _id: id,
    ...(routing && { routing }),
  }));
  const drop = [...bodyHeaders, 'accept-encoding', 'content-type', 'accept'];
  const answer = await services.upstream.send({
    method: 'POST',
    path: `/_mget?realtime=false&_source_includes=${encodeURIComponent(textFields.join(','))}`,
    headers: [...headersForUpstream(exchange.request, drop), 'content-type', 'application/json'],
    body: Buffer.from(JSON.stringify({ docs })),
    signal: exchange.signal,
  });
  const body = await readAnswer(answer.body, services.settings.bodyLimitMb * 1e6);
  if (answer.status !== 200 || !body)
    throw new MiceError('upstream-refused', `_mget answered ${answer.status}.`);
  return JSON.parse(body.toString()).docs.map((doc: { _source?: unknown }) => doc._source);
}

function statesField({ settings }: Services): string {
  return `${settings.fieldsObject}.states`;
}

/** JSON and NDJSON by suffix, vendor types included; no type at all is left to the cluster, which assumes JSON. */
function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/(?:[\w.-]+\+)?(?:x-nd)?json\b/i.test(contentType);
}
