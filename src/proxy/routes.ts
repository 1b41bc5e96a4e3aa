/** What happens to each kind of request that is looked into. */
import { Readable } from 'node:stream';
import { enrichBulk } from '../ingest/bulk.ts';
import { type EnrichNeeds, enrichDocuments } from '../ingest/enrich.ts';
import { loggable } from '../observe/log.ts';
import { plainStream, readBody } from './body.ts';
import { type Exchange, relay, type Substitute } from './exchange.ts';
import type { Services } from './services.ts';

/** Streams a request through untouched. */
export async function pass(
  exchange: Exchange,
  services: Services,
  substitute: Substitute = {},
): Promise<void> {
  services.metrics.countPassed(await relay(exchange, services.upstream, substitute));
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

/** What a request says of its body, and no longer holds of another one. */
export const bodyHeaders = ['content-length', 'content-encoding'];

/** A plain body in place of the one that came. */
export function plainSubstitute(body: Buffer): Substitute {
  return { body: body.length === 0 ? null : body, drop: bodyHeaders };
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

/** JSON and NDJSON by suffix, vendor types included; no type at all is left to the cluster, which assumes JSON. */
export function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/(?:[\w.-]+\+)?(?:x-nd)?json\b/i.test(contentType);
}
