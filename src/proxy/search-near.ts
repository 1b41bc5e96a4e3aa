/** Makes the search by vector that stands beside a caller's own, with the caller's credentials and way of asking. */

import { loggable } from '../observe/log.ts';
import type { Exchange } from './exchange.ts';
import { headersForUpstream } from './headers.ts';
import { type NearSearch, nearBody } from './near-search.ts';
import { queryVector } from './query-vector.ts';
import type { NearAnswer } from './rerank.ts';
import { bodyHeaders } from './routes.ts';
import { limitBytes } from './search-exchange.ts';
import type { Services } from './services.ts';
import { readAnswer } from './upstream.ts';
import type { FirstStageReason } from './verdicts.ts';

/** What to search for neighbours by, or why it cannot be. */
export type NearBody = { readonly body: Buffer } | { readonly reason: FirstStageReason };

/** The body of the search by vector: the one thing about it that has to be computed. Never throws. */
export async function nearBodyFor(
  services: Services,
  near: NearSearch,
  queryText: string,
  signal: AbortSignal,
): Promise<NearBody> {
  try {
    const { vector } = await queryVector(services, queryText, { priority: 'search', signal });
    const { engine, settings, model } = services;
    const place = { engine, object: settings.fieldsObject, model: model.bundle.model };
    return { body: nearBody(near, vector, place) };
  } catch (error) {
    if (signal.aborted) return { reason: 'deadline' };
    services.log.warn(loggable(error), 'the vector of a question could not be made');
    return { reason: 'encoder-failed' };
  }
}

/** Never throws: the search itself is answered in any case. */
export async function searchNear(
  exchange: Exchange,
  services: Services,
  asked: { readonly near: NearSearch; readonly queryText: string; readonly path: string },
  signal: AbortSignal,
): Promise<NearAnswer> {
  const made = await nearBodyFor(services, asked.near, asked.queryText, signal);
  if ('reason' in made) return made;
  const { request } = exchange;
  const typed = request.headers['content-type'] !== undefined;
  try {
    const { status, body } = await services.upstream.send({
      method: request.method ?? 'POST',
      path: asked.path,
      headers: [
        ...headersForUpstream(request, [...bodyHeaders, 'accept-encoding']),
        ...(typed ? [] : ['content-type', 'application/json']),
      ],
      body: made.body,
      signal,
    });
    const answer = await readAnswer(body, limitBytes(services));
    return status === 200 && answer ? { answer } : { reason: 'vector-refused' };
  } catch (error) {
    if (signal.aborted) return { reason: 'deadline' };
    services.log.warn(loggable(error), 'a search by vector was not answered');
    return { reason: 'vector-refused' };
  }
}
