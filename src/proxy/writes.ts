/** What happens to each kind of write: documents of indices with a store get vectors and states. */
import { Readable } from 'node:stream';
import { acceptedItems, acceptedWrite } from '../ingest/accepted.ts';
import { type BesideNeeds, writeBeside } from '../ingest/beside.ts';
import { enrichBulk } from '../ingest/bulk.ts';
import { type EnrichedWrite, type EnrichNeeds, enrichWrites, type Write } from '../ingest/enrich.ts';
import { HIDDEN_MEMBERS } from '../ingest/fields.ts';
import { answerOfRefusals, refusedItem, takesRefusals, withRefusals } from '../ingest/refusals.ts';
import { withoutFieldsInReindex } from '../ingest/reindex.ts';
import { goesAsItCame, sourceAsked, withExcludes, withoutFieldsInAnswer } from '../ingest/update.ts';
import { jsonOrUndefined } from '../json/parse.ts';
import { loggable } from '../observe/log.ts';
import { plainStream, readBody } from './body.ts';
import { answerWith, type Exchange, type Substitute, sendOn } from './exchange.ts';
import { withoutHeaders } from './headers.ts';
import { overheard } from './overheard.ts';
import { bodyHeaders, isJson, pass, plainSubstitute } from './routes.ts';
import { askCluster, limitBytes } from './search-exchange.ts';
import type { Services } from './services.ts';
import { readAnswer } from './upstream.ts';

/** `_bulk`: items of all four actions, enriched as they stream by. */
export async function bulk(exchange: Exchange, services: Services, index: string | undefined): Promise<void> {
  const { request, target } = exchange;
  const plain = isJson(request.headers['content-type']) ? plainStream(request) : undefined;
  if (!plain) return pass(exchange, services);
  const { settings } = services;
  const refuses = settings.ingestFailure !== 'index' && takesRefusals(target, request.headers.accept);
  const refused = new Map<number, Buffer>();
  const besides = new Map(bundlesOf(services).map((each) => [each, new Map<number, string | undefined>()]));
  let underWay = false;
  const hidden = bundlesOf(services).flatMap(hiddenFields);
  const enriched = (body: Readable, each: Services): AsyncGenerator<Buffer> => {
    const needs = enrichNeeds(exchange, each, refuses && each === services);
    return enrichBulk(body, {
      index,
      routing: parameters(target).get('routing') ?? undefined,
      pipeline: parameters(target).get('pipeline') ?? undefined,
      storeOf: each.placing.of,
      onBeside: (position, routing) => besides.get(each)!.set(position, routing),
      enrich: (writes, recent) => enrichWrites(writes, needs, recent),
      hidden,
      sourceAsked: sourceAsked(parameters(target)),
      lineLimitBytes: settings.bodyLimitMb * 1e6,
      onRefused(item) {
        services.metrics.countDocuments('refused', 1);
        if (settings.ingestFailure === 'reject' && !underWay) throw item.fault;
        refused.set(item.position, refusedItem(item));
      },
    });
  };
  const others = [...services.others.values()];
  // That of model.bundle alone refuses, and last: positions are of the whole request until then.
  const before = others.reduce((body, each) => Readable.from(enriched(body, each)), plain);
  const body = await wholeIfShort(enriched(before, services), () => {
    underWay = true;
  });
  if (body === null && refused.size > 0) return answerRefusals(exchange, services, [...refused.values()]);
  // What is still to come of the request may have states beside.
  const mayBeBeside = [...besides].some(
    ([{ placing }, items]) => items.size > 0 || (underWay && placing.usesCompanions),
  );
  if (!refuses && !mayBeBeside) return pass(exchange, services, { body, drop: bodyHeaders });
  const drop = refuses ? [...bodyHeaders, 'accept-encoding'] : bodyHeaders;
  const answer = await sendOn(exchange, services.upstream, { body, drop });
  services.metrics.countPassed(answer.status);
  if (answer.status !== 200) return answerWith(exchange, answer);
  const whole =
    refused.size === 0
      ? answer
      : {
          ...answer,
          rawHeaders: withoutHeaders(answer.rawHeaders, ['content-length']),
          body: Readable.from(withRefusals(answer.body, refused)),
        };
  if (!mayBeBeside) return answerWith(exchange, whole);
  await answerWith(
    exchange,
    overheard(whole, async (plainAnswer) => {
      const routings = new Map([...besides.values()].flatMap((items) => [...items]));
      for await (const accepted of acceptedItems(plainAnswer, routings)) {
        for (const [each, items] of besides) {
          const its = accepted.filter(({ position }) => items.has(position));
          await writeBeside(its, besideNeeds(exchange, each));
        }
      }
    }),
  );
}

/** The services of each bundle; those of `model.bundle` last. */
function bundlesOf(services: Services): readonly Services[] {
  return [...services.others.values(), services];
}

/** A single document. */
export async function document(exchange: Exchange, services: Services, index: string): Promise<void> {
  const action = exchange.target.includes('/_create/') ? 'create' : 'index';
  const pipeline = parameters(exchange.target).get('pipeline') ?? undefined;
  return single(exchange, services, { action, index, id: undefined, routing: undefined, pipeline });
}

/** A change to a single document. */
export async function update(
  exchange: Exchange,
  services: Services,
  index: string,
  id: string,
): Promise<void> {
  const routing = parameters(exchange.target).get('routing') ?? undefined;
  return single(exchange, services, { action: 'update', index, id, routing });
}

/** `_reindex`: what is copied leaves our object behind; the copies are read on sight until they are repaired. */
export async function reindex(exchange: Exchange, services: Services): Promise<void> {
  if (!isJson(exchange.request.headers['content-type'])) return pass(exchange, services);
  const body = await readBody(exchange.request, services.settings.bodyLimitMb * 1e6);
  if (body.kind === 'unread') return pass(exchange, services, { body: body.stream });
  const bare = bundlesOf(services).reduce(
    (bytes, { settings }) => withoutFieldsInReindex(bytes, settings.fieldsObject),
    body.plain,
  );
  return pass(exchange, services, bare === body.plain ? { body: body.raw } : plainSubstitute(bare));
}

async function single(exchange: Exchange, services: Services, write: Omit<Write, 'body'>): Promise<void> {
  if (!isJson(exchange.request.headers['content-type'])) return pass(exchange, services);
  const all = bundlesOf(services);
  const stores = await Promise.all(all.map(({ placing }) => placing.of(write.index)));
  const inFields = all.filter((_, at) => stores[at] === 'field');
  const beside = all.filter((_, at) => stores[at] === 'companion');
  const sent = inFields.length === 0 ? {} : await enrichedSingle(exchange, services, inFields, write);
  if (beside.length === 0) return pass(exchange, services, sent);
  const answer = await sendOn(exchange, services.upstream, sent);
  services.metrics.countPassed(answer.status);
  if (answer.status >= 300) return answerWith(exchange, answer);
  const routing = parameters(exchange.target).get('routing') ?? undefined;
  await answerWith(
    exchange,
    overheard(answer, async (plain) => {
      const read = await readAnswer(Readable.from(plain), limitBytes(services));
      const accepted = read && acceptedWrite(jsonOrUndefined(read.toString()), routing, 0);
      for (const each of accepted ? beside : []) await writeBeside([accepted!], besideNeeds(exchange, each));
    }),
  );
}

/** The request with the fields of each of `bundles`. @throws MiceError `ingest-refused` where it is not to go without */
async function enrichedSingle(
  exchange: Exchange,
  services: Services,
  bundles: readonly Services[],
  write: Omit<Write, 'body'>,
): Promise<Substitute> {
  const { request, target } = exchange;
  const body = await readBody(request, services.settings.bodyLimitMb * 1e6);
  if (body.kind === 'unread') return { body: body.stream };
  const asked = sourceAsked(parameters(target));
  if (write.action === 'update' && goesAsItCame(body.plain, asked)) return { body: body.raw };
  let bytes = body.plain;
  for (const each of bundles) {
    const refuses = each === services && services.settings.ingestFailure !== 'index';
    const needs = enrichNeeds(exchange, each, refuses);
    const [enriched] = (await enrichWrites([{ ...write, body: bytes }], needs)) as [EnrichedWrite];
    if (enriched.kind === 'refused') {
      services.metrics.countDocuments('refused', 1);
      throw enriched.fault;
    }
    bytes = enriched.body;
  }
  if (write.action !== 'update') return plainSubstitute(bytes);
  const hidden = bundles.flatMap(hiddenFields);
  return { ...plainSubstitute(withoutFieldsInAnswer(bytes, hidden)), path: hidingPath(target, hidden) };
}

function besideNeeds(exchange: Exchange, services: Services): BesideNeeds {
  const { engine, model, cache, placing, selectionOf, settings } = services;
  return {
    ...{ engine, model, placing, selectionOf, keeper: cache, object: settings.fieldsObject },
    signal: exchange.signal,
    ...tellers(services),
  };
}

async function answerRefusals(
  { response }: Exchange,
  { engine }: Services,
  items: readonly Buffer[],
): Promise<void> {
  const body = answerOfRefusals(items);
  response
    .writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(engine.capabilities.productHeader && { 'x-elastic-product': 'Elasticsearch' }),
    })
    .end(body);
}

/**
 * One piece as a whole, with its length; more as a stream. Elasticsearch reads a bulk request without a last line
 * break differently when its length is not announced.
 * @param onUnderWay told when what was read is about to be sent and more is to come
 */
async function wholeIfShort(
  pieces: AsyncGenerator<Buffer>,
  onUnderWay: () => void,
): Promise<Buffer | Readable | null> {
  const first = await pieces.next();
  if (first.done) return null;
  const second = await pieces.next();
  if (second.done) return first.value;
  onUnderWay();
  return Readable.from(
    (async function* () {
      yield first.value;
      yield second.value;
      yield* pieces;
    })(),
  );
}

function enrichNeeds(exchange: Exchange, services: Services, refuses: boolean): EnrichNeeds {
  const { settings, model, selectionOf, cache } = services;
  const askBytes = (path: string, body: unknown) => askAsCaller(exchange, services, path, body);
  return {
    model,
    selectionOf,
    askBytes,
    ask: async (path, body) => jsonOrUndefined(String(await askBytes(path, body))),
    keeper: cache,
    object: settings.fieldsObject,
    passageVectors: settings.passagesVectors === 'passage',
    onFailure: refuses ? 'refuse' : 'index',
    signal: exchange.signal,
    ...tellers(services),
  };
}

function tellers({ metrics, log }: Services): Pick<EnrichNeeds, 'onStates' | 'onFault'> {
  return {
    onStates(encoded, reused) {
      metrics.countDocuments('enriched', encoded);
      metrics.countDocuments('reused', reused);
    },
    onFault(error, documents) {
      metrics.countDocuments('failed', documents);
      log.warn({ ...loggable(error), documents }, 'documents go without states');
    },
  };
}

/** With the caller's own credentials, so that nothing is learnt that the caller may not know. */
async function askAsCaller(
  exchange: Exchange,
  services: Services,
  path: string,
  body: unknown,
): Promise<Buffer | undefined> {
  try {
    return await askCluster(exchange, services, path, Buffer.from(JSON.stringify(body)));
  } catch {
    // The write itself will meet the same fault, and the caller hears of it from there.
    return undefined;
  }
}

function hiddenFields({ settings }: Services): readonly string[] {
  return HIDDEN_MEMBERS.map((field) => `${settings.fieldsObject}.${field}`);
}

function parameters(target: string): URLSearchParams {
  const at = target.indexOf('?');
  return new URLSearchParams(at === -1 ? '' : target.slice(at + 1));
}

/** A path that asks for the source of what was updated asks for it without `hidden`. */
function hidingPath(target: string, hidden: readonly string[]): string {
  const asked = parameters(target);
  if (!asked.has('_source') && !asked.has('_source_includes')) return target;
  if (withExcludes(asked.get('_source') ?? true, hidden) === undefined) return target;
  const excludes = [...(asked.get('_source_excludes')?.split(',') ?? []), ...hidden].join(',');
  const others = target.replace(/([?&])_source_excludes=[^&]*&?/, '$1').replace(/[?&]$/, '');
  return `${others}${others.includes('?') ? '&' : '?'}_source_excludes=${encodeURIComponent(excludes)}`;
}
