/** The routes under `/_mice/`: health, metrics, the playground, and the model by itself in common dialects. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import { request as fetchUrl } from 'undici';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import type { EncodedDocument } from '../model/model.ts';
import { answerFault } from './exchange.ts';
import { playgroundPage } from './playground/page.ts';
import type { Services } from './services.ts';
import { printScore } from './splice.ts';

/** Texts that one request to the model's own routes may hold. */
const MOST_TEXTS = 1000;

const texts = z.array(z.string()).min(1).max(MOST_TEXTS);
const embeddingsBody = z.object({
  input: z.union([z.string().transform((text) => [text]), texts]),
  input_type: z.enum(['query', 'document']).default('document'),
});
const rerankBody = z.object({
  query: z.string().min(1),
  documents: z.union([
    texts,
    z.array(z.object({ text: z.string() })).transform((all) => all.map(({ text }) => text)),
  ]),
  top_n: z.int().min(1).optional(),
  return_documents: z.boolean().default(false),
});
const compareBody = z.object({
  index: z
    .string()
    .min(1)
    .regex(/^[^/\\?#]+$/),
  query: z.string(),
  size: z.int().min(1).max(100).default(10),
});

/** @param selfUrl base URL of this very proxy: the playground asks it as any client does */
export function adminRoutes(services: Services, selfUrl: () => string): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use('/_mice', express.json({ limit: '10mb' }));
  app.get('/_mice/health', (_, response) => void response.json({ status: 'up' }));
  app.get(
    '/_mice/ready',
    (_, response) => void response.json({ status: 'ready', model: services.model.bundle.model }),
  );
  app.get('/_mice/metrics', async (_, response) => {
    response.type(services.metrics.contentType).send(await services.metrics.expose());
  });
  app.get('/_mice', (_, response) => void showPage(response));
  app.get(
    '/_mice/indices',
    async (request, response) => void response.json(await indices(services, request)),
  );
  app.post('/_mice/compare', async (request, response) => {
    response.json(await compare(services, selfUrl(), request, accept(compareBody, request.body)));
  });
  app.post('/_mice/v1/embeddings', async (request, response) => {
    response.json(await embeddings(services, accept(embeddingsBody, request.body)));
  });
  app.post('/_mice/v1/rerank', async (request, response) => {
    response.type('json').send(await rerank(services, accept(rerankBody, request.body)));
  });
  app.use((request, response) => answerOwnFault(response, unknownRoute(request)));
  app.use(((error, _request, response, _next) =>
    answerOwnFault(response, faultOf(error))) satisfies ErrorRequestHandler);
  return app;
}

/** The page's requests are relative, so it is served under the trailing slash only. */
function showPage(response: Response): void {
  const page = playgroundPage();
  if (response.req.path === '/_mice/') response.set(page.headers).send(page.body);
  else response.redirect(301, '/_mice/');
}

/** Indices the caller may see; those that start with a dot are the cluster's own. */
async function indices(services: Services, request: Request): Promise<unknown> {
  const rows = await askCluster(
    services,
    request,
    '/_cat/indices?format=json&h=index,docs.count&expand_wildcards=open',
  );
  const named = (rows as { index: string; 'docs.count': string | null }[]).filter(
    ({ index }) => !index.startsWith('.'),
  );
  return {
    indices: named
      .map((row) => ({ name: row.index, documents: Number(row['docs.count'] ?? 0) }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  };
}

type Compare = z.infer<typeof compareBody>;

/** The same search twice through this proxy: once as the cluster orders it, once re-ranked. */
async function compare(
  services: Services,
  selfUrl: string,
  request: Request,
  asked: Compare,
): Promise<unknown> {
  const { index, query, size } = asked;
  const path = `/${encodeURIComponent(index)}/_search`;
  const search = (extra: Record<string, string>, hits: number) =>
    ask(`${selfUrl}${path}`, { ...callerHeaders(request), ...extra }, searchBody(services, query, hits));
  const plain = await search({ 'x-mice': 'off' }, services.settings.rerankWindow);
  const reranked = await search({ 'x-mice': 'on', 'x-mice-explain': 'true' }, size);
  const firstRank = new Map(hitsIn(plain.body).map((hit, at) => [`${hit._index}/${hit._id}`, at + 1]));
  const shown = (hit: SearchHit) => ({
    id: hit._id,
    index: hit._index,
    score: hit._score,
    source: hit._source,
  });
  return {
    firstStage: { hits: hitsIn(plain.body).slice(0, size).map(shown), took: plain.body.took },
    reranked: {
      hits: hitsIn(reranked.body).map((hit) => ({
        ...shown(hit),
        firstRank: firstRank.get(`${hit._index}/${hit._id}`),
      })),
    },
    verdict: parseVerdict(reranked.headers['x-mice'] ?? ''),
    timingsMs: parseServerTiming(reranked.headers['server-timing'] ?? ''),
  };
}

function searchBody({ settings }: Services, query: string, size: number): unknown {
  return { size, query: { multi_match: { query, fields: settings.textFields, lenient: true } } };
}

interface SearchHit {
  readonly _id: string;
  readonly _index: string;
  readonly _score: number;
  readonly _source?: unknown;
}

interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: the engine's own JSON.
  readonly body: any;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

function hitsIn(body: { readonly hits: { readonly hits: readonly SearchHit[] } }): readonly SearchHit[] {
  return body.hits.hits;
}

async function askCluster(services: Services, request: Request, path: string): Promise<unknown> {
  return (await ask(`${services.settings.upstreamUrl}${path}`, callerHeaders(request))).body;
}

/** Asks with the caller's credentials; an error of the cluster becomes ours, with its reason. */
async function ask(url: string, headers: Record<string, string>, body?: unknown): Promise<Answer> {
  const answer = await fetchUrl(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.body.text();
  if (answer.statusCode === 200)
    return { body: JSON.parse(text), headers: answer.headers as Answer['headers'] };
  const reason = /"reason":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? `status ${answer.statusCode}`;
  throw new MiceError(
    answer.statusCode === 404 ? 'index-missing' : 'upstream-refused',
    `The cluster refused: ${reason}`,
  );
}

function callerHeaders(request: Request): Record<string, string> {
  const { authorization } = request.headers;
  return authorization === undefined ? {} : { authorization };
}

/** `reranked; window=100; …` as an object. */
function parseVerdict(header: string): Record<string, string> {
  const [outcome = '', ...pairs] = header.split(';').map((part) => part.trim());
  return { outcome, ...Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string])) };
}

function parseServerTiming(header: string): Record<string, number> {
  const stages = header.split(',').filter((stage) => stage.includes(';dur='));
  return Object.fromEntries(
    stages
      .map((stage) => stage.trim().split(';dur=') as [string, string])
      .map(([name, ms]) => [name, Number(ms)]),
  );
}

/** The OpenAI shape. */
async function embeddings(
  { model }: Services,
  { input, input_type }: z.infer<typeof embeddingsBody>,
): Promise<unknown> {
  const encoded =
    input_type === 'query'
      ? await Promise.all(input.map((text) => model.encodeQuery(text)))
      : await model.encodeDocuments(input, { priority: 'ingest' });
  const tokens = encoded.reduce((sum, each) => sum + each.tokens, 0);
  return {
    object: 'list',
    model: model.bundle.model,
    data: encoded.map((each, index) => ({ object: 'embedding', index, embedding: Array.from(each.vector) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/**
 * The Cohere and Jina shape, sorted by score. Printed by hand: a score without a decimal point is an integer to
 * the engines' connectors, and they refuse it.
 */
async function rerank({ model }: Services, asked: z.infer<typeof rerankBody>): Promise<string> {
  const [query, documents] = await Promise.all([
    model.encodeQuery(asked.query),
    model.encodeDocuments(asked.documents),
  ]);
  const { scores } = await model.score(
    query,
    documents.map(({ states }: EncodedDocument) => states),
  );
  const ranked = Array.from(scores, (score, index) => ({ score, index })).sort(
    (a, b) => b.score - a.score || a.index - b.index,
  );
  const results = ranked.slice(0, asked.top_n).map(({ score, index }) => {
    const text = asked.return_documents
      ? `,"document":{"text":${JSON.stringify(asked.documents[index])}}`
      : '';
    return `{"index":${index},"relevance_score":${printScore(score)}${text}}`;
  });
  return `{"model":${JSON.stringify(model.bundle.model)},"results":[${results.join(',')}]}`;
}

function accept<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new MiceError('bad-request', z.prettifyError(parsed.error).replaceAll('\n', ' '));
}

function unknownRoute(request: Request): MiceError {
  return new MiceError('bad-request', `No route ${request.method} ${request.path}.`, {
    hint: 'Routes: GET /_mice/, /_mice/health, /_mice/ready, /_mice/metrics, /_mice/indices; POST /_mice/compare, /_mice/v1/embeddings, /_mice/v1/rerank.',
  });
}

function faultOf(error: unknown): MiceError {
  if (error instanceof MiceError) return error;
  const status = (error as { status?: unknown }).status;
  if (status === 413) return new MiceError('too-large', 'The body is over 10 MB.');
  return new MiceError(status === 400 ? 'bad-request' : 'model-failed', messageOf(error), { cause: error });
}

function answerOwnFault(response: Response, fault: MiceError): void {
  answerFault({ response }, fault);
}
