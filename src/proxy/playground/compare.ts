/** What the playground asks: which indices there are, and both orders of one search. */
import type { Request } from 'express';
import { request as fetchUrl } from 'undici';
import { z } from 'zod';
import { MiceError } from '../../errors.ts';
import { stageTimesOf } from '../../observe/stages.ts';
import type { Self } from '../listen.ts';
import type { Services } from '../services.ts';

export const compareBody = z.object({
  index: z
    .string()
    .min(1)
    .regex(/^[^/\\?#]+$/),
  query: z.string(),
  size: z.int().min(1).max(100).default(10),
});

/** Indices the caller may see; those that start with a dot are the cluster's own. */
export async function indices(self: Self, request: Request): Promise<unknown> {
  const path = '/_cat/indices?format=json&h=index,docs.count&expand_wildcards=open';
  const { body: rows } = await ask(self, path, callerHeaders(request));
  const named = (rows as unknown as { index: string; 'docs.count': string | null }[]).filter(
    ({ index }) => !index.startsWith('.'),
  );
  return {
    indices: named
      .map((row) => ({ name: row.index, documents: Number(row['docs.count'] ?? 0) }))
      .sort((a, b) => a.name.localeCompare(b.name)),
  };
}

export type Compare = z.infer<typeof compareBody>;

/** The same search twice through this proxy: once as the cluster orders it, once re-ranked. */
export async function compare(
  services: Services,
  self: Self,
  request: Request,
  asked: Compare,
): Promise<unknown> {
  const { index, query, size } = asked;
  const path = `/${encodeURIComponent(index)}/_search`;
  const search = (extra: Record<string, string>, hits: number) =>
    ask(self, path, { ...callerHeaders(request), ...extra }, searchBody(services, query, hits));
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
    timingsMs: stageTimesOf(reranked.headers['server-timing'] ?? ''),
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

/** Asks with the caller's credentials; an error of the cluster becomes ours, with its reason. */
async function ask(
  { url, dispatcher }: Self,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const answer = await fetchUrl(url + path, {
    dispatcher,
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
