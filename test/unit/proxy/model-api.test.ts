import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { adminRoutes, type Standing } from '../../../src/proxy/admin.ts';
import { openLiveStates } from '../../../src/proxy/live-states.ts';
import type { Services } from '../../../src/proxy/services.ts';
import { copyTinyBundle, tinyBundle, withoutOptionalGraphs } from '../../support/tiny-bundle.ts';

const QUERY = 'how do glaciers move';
const DOCUMENTS = [
  'ice',
  'the ice of glaciers slides over the rock',
  'bread and water',
  'melt water in summer',
];

const asked = (texts: readonly string[]) => texts.map((text) => ({ text }));

let model: Model;
const servers: Server[] = [];

async function listen(served: Model): Promise<string> {
  const services = { model: served, live: openLiveStates(served, 1e6) } as Services;
  const server = createServer(
    adminRoutes(
      () => services,
      () => ({ isDraining: false }) as Standing,
    ),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Ranked {
  readonly index: number;
  readonly relevance_score: number;
}

/** What the routes answer, in one case or another. */
interface Answer {
  readonly data: readonly { readonly embedding: readonly number[] }[];
  readonly results: readonly Ranked[];
  readonly error: { readonly type: string; readonly reason: string };
}

async function ask(url: string, route: string, body: object) {
  const answer = await fetch(`${url}/_mice/v1/${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Answer };
}

let url: string;
beforeAll(async () => {
  model = await openModel(tinyBundle, { threads: 1 });
  url = await listen(model);
}, 60_000);
afterAll(async () => {
  for (const server of servers) server.close();
  await model.close();
});

/** Scores in the order of the documents; holds the answer's own order against them. */
async function scoresOf(body: object): Promise<readonly number[]> {
  const { status, json } = await ask(url, 'rerank', { query: QUERY, documents: DOCUMENTS, ...body });
  expect(status, JSON.stringify(json)).toBe(200);
  const { results } = json;
  const scores = results.map((result) => result.relevance_score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  return DOCUMENTS.map((_, index) => results.find((result) => result.index === index)!.relevance_score);
}

function near(actual: readonly number[], expected: ArrayLike<number>): void {
  // Scores are printed with seven digits.
  actual.forEach((value, at) => {
    expect(value).toBeCloseTo(expected[at]!, 3);
  });
}

describe('POST /_mice/v1/embeddings', () => {
  it('gives the vectors of the fast query graph when asked for the model query-fast', async () => {
    const { json } = await ask(url, 'embeddings', {
      input: [QUERY, 'ice'],
      input_type: 'query',
      model: 'query-fast',
    });
    for (const [at, text] of [QUERY, 'ice'].entries()) {
      const { vector } = await model.encodeQueryFast(text);
      expect(json.data[at]!.embedding).toEqual(Array.from(vector));
    }
  });

  it.each(['text-embedding-3-small', undefined])(
    'gives those of the query graph for the model %s',
    async (name) => {
      const { json } = await ask(url, 'embeddings', { input: QUERY, input_type: 'query', model: name });
      expect(json.data[0]!.embedding).toEqual(Array.from((await model.encodeQuery(QUERY)).vector));
    },
  );

  it.each(['document', undefined])(
    'refuses query-fast for the input type %s with what is accepted',
    async (type) => {
      const { status, json } = await ask(url, 'embeddings', {
        input: 'ice',
        input_type: type,
        model: 'query-fast',
      });
      expect(status).toBe(400);
      expect(json.error.type).toBe('mice_bad_request');
      expect(json.error.reason).toContain('with model "query-fast" the input_type "query" is expected');
    },
  );
});

describe('POST /_mice/v1/rerank', () => {
  it('scores by the cross-encoder when asked for it', async () => {
    near(
      await scoresOf({ model: 'cross-encoder' }),
      (await model.crossScore(QUERY, asked(DOCUMENTS))).scores,
    );
  });

  it('encodes texts that it has seen before no more, whichever model is asked', async () => {
    const encoded: string[][] = [];
    const counting = await listen({
      ...model,
      encodeDocuments(texts, options) {
        encoded.push([...texts]);
        return model.encodeDocuments(texts, options);
      },
    });
    const scores = async (name: string, texts: readonly string[]) => {
      const { json } = await ask(counting, 'rerank', { query: QUERY, documents: texts, model: name });
      return texts.map((_, at) => json.results.find(({ index }) => index === at)!.relevance_score);
    };
    const [some, all] = [DOCUMENTS.slice(0, 2), DOCUMENTS];
    const first = (await scoresOf({ model: 'cross-encoder' })).slice(0, 2);
    near(await scores('cross-encoder', [...some, ...some]), [...first, ...first]);
    near(await scores('mice', all), await scoresOf({}));
    near(await scores('cross-encoder', all), await scoresOf({ model: 'cross-encoder' }));
    expect(encoded).toEqual([some, DOCUMENTS.slice(2)]);
  });

  it('scores by the stored form otherwise, whatever model a client names', async () => {
    const query = await model.encodeQuery(QUERY);
    const states = (await model.encodeDocuments(DOCUMENTS)).map((document) => document.states);
    const { scores } = await model.score(query, states);
    near(await scoresOf({}), scores);
    near(await scoresOf({ model: 'rerank-v3.5' }), scores);
  });

  it.each([
    [undefined, () => model.bundle.score.firstStage.weight],
    ['cross-encoder', () => model.bundle.score.crossEncoder!.firstStage.weight],
  ])('with first_stage adds what the rank is worth to the model %s', async (name, weight) => {
    const without = await scoresOf({ model: name });
    const expected = without.map((score, at) => score + weight() / Math.log2(at + 2));
    near(await scoresOf({ model: name, first_stage: true }), expected);
    expect(weight()).toBeGreaterThan(0);
  });

  it('counts ranks from first_rank where a window comes in parts', async () => {
    const without = await scoresOf({ model: 'cross-encoder' });
    const { weight } = model.bundle.score.crossEncoder!.firstStage;
    const expected = without.map((score, at) => score + weight / Math.log2(1 + 201 + at));
    near(await scoresOf({ model: 'cross-encoder', first_stage: true, first_rank: 201 }), expected);
  });

  it('gives the best top_n, with their texts when asked', async () => {
    const scores = await scoresOf({ model: 'cross-encoder' });
    const best = scores.indexOf(Math.max(...scores));
    const { json } = await ask(url, 'rerank', {
      query: QUERY,
      documents: DOCUMENTS,
      model: 'cross-encoder',
      top_n: 1,
      return_documents: true,
    });
    expect(json.results).toMatchObject([{ index: best, document: { text: DOCUMENTS[best] } }]);
  });

  it('drops what it asked of the model when the client leaves', async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const held = await listen({
      ...model,
      crossScore(_query, _documents, options) {
        asked.resolve(options!.signal!);
        return new Promise(() => {});
      },
    });
    const leaving = new AbortController();
    const body = JSON.stringify({ query: QUERY, documents: DOCUMENTS, model: 'cross-encoder' });
    const headers = { 'content-type': 'application/json' };
    const answer = fetch(`${held}/_mice/v1/rerank`, {
      method: 'POST',
      headers,
      body,
      signal: leaving.signal,
    });
    const signal = await asked.promise;
    leaving.abort();
    await expect(answer).rejects.toThrow();
    await vi.waitFor(() => expect(signal.aborted).toBe(true));
  });

  it('refuses first_stage that is not a truth value', async () => {
    const { status, json } = await ask(url, 'rerank', {
      query: QUERY,
      documents: DOCUMENTS,
      first_stage: 'yes',
    });
    expect(status).toBe(400);
    expect(json.error.reason).toContain('first_stage');
  });
});

describe('a model that the bundle has no graph for', () => {
  const root = mkdtempSync(join(tmpdir(), 'mice-api-'));
  let plain: Model;
  let plainUrl: string;
  beforeAll(async () => {
    const directory = join(root, 'plain');
    await copyTinyBundle(directory, withoutOptionalGraphs);
    plain = await openModel(directory, { threads: 1 });
    plainUrl = await listen(plain);
  });
  afterAll(async () => {
    await plain.close();
    rmSync(root, { recursive: true });
  });

  it.each([
    ['embeddings', { input: 'ice', input_type: 'query', model: 'query-fast' }],
    ['rerank', { query: QUERY, documents: DOCUMENTS, model: 'cross-encoder' }],
  ])('is refused on the route %s with the graphs that there are', async (route, body) => {
    const { status, json } = await ask(plainUrl, route, body);
    expect(status).toBe(404);
    expect(json.error).toMatchObject({
      type: 'mice_graph_missing',
      reason: expect.stringContaining(
        `has no ${body.model} graph. Its graphs: document, query, interaction.`,
      ),
    });
  });
});
