/**
 * `_async_search` in front of an Elasticsearch that is built without: the search and its part of `filter_path` are the
 * engine's own, only the envelope around the answer is made here. Every search ends within its wait.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineUnderTest } from './engines.ts';
import { frontOf } from './front.ts';
import { raw } from './proxy.ts';
import { bodyOf } from './stub-engine.ts';

const around = {
  is_partial: false,
  is_running: false,
  start_time_in_millis: 1,
  expiration_time_in_millis: 2,
};

export function asyncFront(engine: EngineUnderTest): EngineUnderTest {
  return frontOf(engine, (request, response) => void answer(engine.url, request, response));
}

async function answer(engineUrl: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const asked = new URL(request.url ?? '/', engineUrl);
  const isAsync = asked.pathname.endsWith('/_async_search');
  const filter = asked.searchParams.get('filter_path')?.split(',');
  if (isAsync) {
    asked.pathname = asked.pathname.replace('_async_search', '_search');
    asked.searchParams.delete('wait_for_completion_timeout');
    if (filter) asked.searchParams.set('filter_path', withinResponse(filter).join(','));
  }
  const own = await raw(engineUrl, asked.pathname + asked.search, {
    method: request.method as 'GET',
    ...(body.length > 0 && { body }),
  });
  const text = isAsync && own.status === 200 ? enveloped(own.text, filter) : own.text;
  const { 'transfer-encoding': _, ...headers } = own.headers;
  response.writeHead(own.status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text);
}

/** The patterns that concern the search's answer, as they would be for it alone. */
function withinResponse(filter: readonly string[]): readonly string[] {
  return filter.filter((one) => /^-?response\./.test(one)).map((one) => one.replace('response.', ''));
}

/** As the engine does, nothing is shown of what a filter left nothing of. */
function enveloped(search: string, filter: readonly string[] | undefined): string {
  const includes = filter?.filter((one) => !one.startsWith('-')) ?? [];
  const shown = Object.entries(around).filter(
    ([key]) => (includes.length === 0 || includes.includes(key)) && !filter?.includes(`-${key}`),
  );
  const members = shown.map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  return `{${[...members, ...(search === '{}' ? [] : [`"response":${search}`])].join(',')}}`;
}
