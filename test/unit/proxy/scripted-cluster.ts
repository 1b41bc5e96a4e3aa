/** A cluster of a few documents on a real socket, with a proxy's searches in front of it and a model that can be watched. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import type { Settings } from '../../../src/config/options.ts';
import { loadSettings } from '../../../src/config/settings.ts';
import { vectorClause, vectorMembers } from '../../../src/engine/opensearch/vector-search.ts';
import { MiceError } from '../../../src/errors.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import type { Model } from '../../../src/model/model.ts';
import { openMetrics } from '../../../src/observe/metrics.ts';
import { answerFault, openExchange } from '../../../src/proxy/exchange.ts';
import { intercept } from '../../../src/proxy/intercept.ts';
import { readJudgements } from '../../../src/proxy/judgements.ts';
import { openLiveStates } from '../../../src/proxy/live-states.ts';
import { openLoad } from '../../../src/proxy/load.ts';
import { search } from '../../../src/proxy/search-routes.ts';
import { openSeenStates } from '../../../src/proxy/seen-states.ts';
import type { Services } from '../../../src/proxy/services.ts';
import { openSteps } from '../../../src/proxy/steps.ts';
import { openUpstream } from '../../../src/proxy/upstream.ts';
import { openWindowCache } from '../../../src/proxy/window-cache.ts';
import { openMemoryCache } from '../../../src/states/cache.ts';
import { unsplit } from '../../../src/states/splitting.ts';

export interface Document {
  readonly id: string;
  /** What the model gives for it. */
  readonly score: number;
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

export interface Scripted {
  /** Base URL of the proxy. */
  readonly url: string;
  /** Base URL of the cluster itself. */
  readonly clusterUrl: string;
  /** In the order of the first stage; may be changed between requests. */
  documents: Document[];
  /** What a search by vector finds, in its order. */
  neighbours: Document[];
  /** Overrides the cluster's answer to a request; undefined leaves it. */
  answer:
    | ((
        request: SeenRequest,
      ) => { readonly status: number; readonly body: string } | 'broken off' | 'none' | undefined)
    | undefined;
  /** Requests to the cluster that were given up before they were answered. */
  givenUp: number;
  /** What the cluster was asked through the proxy, in order. */
  readonly seen: SeenRequest[];
  /** Documents that the model scored. */
  scored: number;
  modelFails: boolean;
  /** Awaited before documents are scored; the signal fires when they need not be any more. */
  beforeScoring: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly logged: string[];
  metrics(): Promise<string>;
  close(): Promise<void>;
}

export async function scripted(given: Partial<Settings> = {}): Promise<Scripted> {
  const settings = loadSettings({ given });
  const state: Scripted = {
    url: '',
    clusterUrl: '',
    documents: Array.from({ length: 30 }, (_, at) => ({ id: `d${at}`, score: (at * 7) % 30 })),
    neighbours: [],
    answer: undefined,
    givenUp: 0,
    seen: [],
    scored: 0,
    modelFails: false,
    beforeScoring: undefined,
    logged: [],
    metrics: () => metrics.expose(),
    async close() {
      await stop(front);
      await upstream.close();
      await stop(cluster);
    },
  };
  const cluster = createServer((request, response) => void answerOf(state, request, response));
  const clusterUrl = await listen(cluster);
  const upstream = openUpstream(clusterUrl);
  const metrics = openMetrics();
  const model = watchedModel(state);
  const services = {
    settings,
    engine: { vectorClause, vectorMembers },
    upstream,
    model,
    metrics,
    live: openLiveStates(model, 1e6),
    seen: openSeenStates(openMemoryCache(1e6)),
    steps: openSteps(),
    selectionOf: () => plainSelection(settings.textFields),
    placing: { ofHit: () => 'field', rewrites: () => false },
    others: new Map(),
    pages: openWindowCache(settings.pagesMb * 1e6, settings.pagesKeepMs),
    judgementsOf:
      settings.shadowJudgements === '' ? () => undefined : readJudgements(settings.shadowJudgements),
    load: openLoad(settings),
    log: pino({ level: 'info' }, { write: (line: string) => void state.logged.push(line) }),
  } as unknown as Services;
  const front = createServer(async (request, response) => {
    const exchange = openExchange(request, response);
    const found = intercept(request.method ?? '', exchange.target);
    if (found.kind !== 'search') return void response.writeHead(599).end(found.kind);
    try {
      await search(exchange, services, found);
    } catch (error) {
      answerFault(exchange, error as MiceError);
    }
  });
  return Object.assign(state, { clusterUrl, url: await listen(front) });
}

/** The score of a document is the number in its text. */
function watchedModel(state: Scripted): Model {
  return {
    bundle: {
      id: 'm',
      model: 'm@1',
      graphs: { 'query-fast': 'query-fast.onnx' },
      score: { firstStage: { kind: 'reciprocal-log2', weight: 0 } },
    },
    splitting: unsplit(256),
    async encodeQuery() {
      if (state.modelFails) throw new MiceError('model-failed', 'no');
      return { vector: Float32Array.of(1, 0) };
    },
    async encodeQueryFast() {
      if (state.modelFails) throw new MiceError('model-failed', 'no');
      return { vector: Float32Array.of(0, 1) };
    },
    async encodeDocuments(texts: readonly string[]) {
      return texts.map((text) => ({ states: Buffer.from(text) }));
    },
    async score(_: unknown, documents: readonly Uint8Array[], { signal }: { signal: AbortSignal }) {
      await state.beforeScoring?.(signal);
      state.scored += documents.length;
      return { scores: Float32Array.from(documents, (bytes) => Number(Buffer.from(bytes).toString())) };
    },
  } as unknown as Model;
}

async function answerOf(state: Scripted, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const seen = {
    method: request.method ?? '',
    url: request.url ?? '',
    body: Buffer.concat(chunks).toString(),
  };
  if (request.headers['x-direct'] === undefined) state.seen.push(seen);
  const answer = state.answer?.(seen) ?? { status: 200, body: clusterAnswer(state, seen) };
  if (answer === 'broken off') return void response.destroy();
  response.once('close', () => {
    if (!response.writableFinished) state.givenUp += 1;
  });
  if (answer === 'none') return;
  const { status, body } = answer;
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

function clusterAnswer(state: Scripted, { url, body }: SeenRequest): string {
  const { pathname, searchParams } = new URL(url, 'http://cluster');
  if (pathname === '/_render/template')
    return `{"template_output":${JSON.parse(body).source.replace('{{q}}', JSON.parse(body).params.q)}}`;
  if (pathname.includes('_msearch')) {
    const lines = body.split('\n').filter((_, at) => at % 2 === 1);
    return `{"took":1,"responses":[${lines.map((line) => foundBy(state, JSON.parse(line || '{}'), new URLSearchParams(), '"status":200')).join(',')}]}`;
  }
  const parsed = body === '' ? {} : JSON.parse(body);
  if (pathname === '/_mget') {
    const scoreOf = (id: string) => state.documents.find((document) => document.id === id)?.score;
    const docs = (parsed.docs as { _id: string }[]).map(({ _id }) => ({
      _source: { text: `${scoreOf(_id)}` },
    }));
    return JSON.stringify({ docs });
  }
  if (pathname.includes('_async_search'))
    return `{"is_partial":false,"is_running":false,"start_time_in_millis":1234567890123,"response":${foundBy(state, parsed, searchParams)}}`;
  return foundBy(state, parsed, searchParams);
}

/** By `mice.vector` the neighbours; by anything else every document. */
function foundBy(
  state: Scripted,
  body: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
  extra?: string,
): string {
  const isNear = JSON.stringify(body['query'] ?? {}).includes('"mice.vector"');
  return found({ documents: isNear ? state.neighbours : state.documents }, body, query, extra);
}

/** A page of all documents: whatever is asked finds everything. */
export function found(
  { documents }: Pick<Scripted, 'documents'>,
  body: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
  extra?: string,
): string {
  if (body['bad']) return '{"error":{"type":"parsing_exception"},"status":400}';
  const from = Number(query.get('from') ?? body['from'] ?? 0);
  const size = Number(query.get('size') ?? body['size'] ?? 10);
  const hits = documents
    .slice(from, from + size)
    .map(
      ({ id, score }, at) =>
        `{"_index":"i","_id":"${id}","_score":${(99 - from - at).toFixed(1)},"_source":{"text":"${score}","big":9223372036854775807}}`,
    );
  return `{"took":1,"hits":{"total":{"value":${documents.length}},"max_score":99.0,"hits":[${hits.join(',')}]}${extra ? `,${extra}` : ''}}`;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function stop(server: Server): Promise<void> {
  const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return stopped;
}
