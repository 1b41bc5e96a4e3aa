/** What an evaluation asks of a proxy, asked of the routes themselves, with a small bundle that has every graph. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rescoreThrough } from '../../../src/evaluate/cross-encoder.ts';
import { embedThrough } from '../../../src/evaluate/embeddings.ts';
import { servedGraphs } from '../../../src/evaluate/served.ts';
import type { Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { adminRoutes, type Standing } from '../../../src/proxy/admin.ts';
import { openLiveStates } from '../../../src/proxy/live-states.ts';
import type { Services } from '../../../src/proxy/services.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const QUERY = 'how do glaciers move';

let model: Model;
let server: Server;
let url: string;
beforeAll(async () => {
  model = await openModel(tinyBundle, { threads: 1 });
  const services = { model, live: openLiveStates(model, 1e6) } as Services;
  server = createServer(
    adminRoutes(
      () => services,
      () => ({ isDraining: false }) as Standing,
    ),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await model.close();
});

test('the graphs are named', async () => {
  const graphs = await servedGraphs(url);
  expect([...graphs].sort()).toEqual(['cross-encoder', 'document', 'interaction', 'query', 'query-fast']);
});

test('the vectors are those of the graph asked for', async () => {
  const embed = embedThrough(url);
  expect(await embed(QUERY, 'query')).toEqual(Array.from((await model.encodeQuery(QUERY)).vector));
  expect(await embed(QUERY, 'query-fast')).toEqual(Array.from((await model.encodeQueryFast(QUERY)).vector));
});

test('a window of several requests comes out in the order of its scores, first stage and all', async () => {
  const words = ['ice', 'glaciers', 'water', 'rock', 'slides', 'melt'];
  const candidates = Array.from({ length: 230 }, (_, at) => ({
    id: `d${at}`,
    text: at % 40 === 7 ? '' : words.map((word, place) => ((at >> place) % 2 ? word : 'the')).join(' '),
  }));
  const { scores } = await model.crossScore(
    QUERY,
    candidates.map(({ text }) => ({ text })),
  );
  const { weight } = model.bundle.score.crossEncoder!.firstStage;
  const final = new Map(
    candidates.map(({ id, text }, at) => [
      id,
      text === '' ? Number.NEGATIVE_INFINITY : scores[at]! + weight / Math.log2(at + 2),
    ]),
  );
  const order = await rescoreThrough(url)(QUERY, candidates);
  expect([...order].sort()).toEqual(candidates.map(({ id }) => id).sort());
  const inOrder = order.map((id) => final.get(id)!);
  for (const [at, score] of inOrder.entries()) {
    // Scores are printed with seven digits, so those that differ by less may change places.
    if (at > 0) expect(score).toBeLessThanOrEqual(inOrder[at - 1]! + 1e-4);
  }
});
