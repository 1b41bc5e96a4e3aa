import { beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../src/config/options.ts';
import { MiceError } from '../../src/errors.ts';
import { setupIndex } from '../../src/ingest/setup.ts';
import { describeOnEngines, type EngineUnderTest } from '../support/engines.ts';
import { proxyBefore, type RawRequest, raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

type Policy = Settings['ingestFailure'];

/** What became of the writes of one suite: statuses, and how a search finds the states of what was written. */
interface Outcome {
  readonly bulk: { readonly status: number; readonly items: readonly number[] };
  readonly single: number;
  readonly update: number;
  readonly states: Readonly<Record<string, string>>;
}

const expected: Readonly<Record<Policy, Outcome>> = {
  index: {
    bulk: { status: 200, items: [201, 201, 409, 201] },
    ...{ single: 201, update: 200 },
    states: { there: 'missing', lucky: 'fresh', unlucky: 'missing', single: 'missing', last: 'fresh' },
  },
  reject: {
    bulk: { status: 429, items: [] },
    ...{ single: 429, update: 429 },
    states: { there: 'fresh' },
  },
  item: {
    bulk: { status: 200, items: [201, 429, 409, 201] },
    ...{ single: 429, update: 429 },
    states: { there: 'fresh', lucky: 'fresh', last: 'fresh' },
  },
};

describeOnEngines('a document that cannot be encoded', (engine) => {
  describe.each<Policy>(['index', 'reject', 'item'])('where ingest.failure is %s:', (policy) => {
    suite(policy, engine);
  });
});

function suite(policy: Policy, engine: EngineUnderTest): void {
  const proxy = proxyBefore(engine, { modelBundle: tinyBundle, modelThreads: 1, ingestFailure: policy });
  const index = engine.freshIndex('unencoded');
  const send = async (path: string, how: RawRequest) => {
    const { status, text } = await raw(proxy.url, `/${index}${path}`, how);
    return { status, body: JSON.parse(text) };
  };
  const document = (text: string): RawRequest => ({ method: 'PUT', body: JSON.stringify({ text }) });

  /** The model refuses the texts that hold `unlucky`, as it does when its queue is full. */
  async function whileRefusing<T>(writes: () => Promise<T>): Promise<T> {
    const { model } = proxy.server.services;
    const { encodeDocuments } = model;
    Object.assign(model, {
      encodeDocuments: (...[texts, how]: Parameters<typeof encodeDocuments>) =>
        texts.some((text) => text.includes('unlucky'))
          ? Promise.reject(new MiceError('model-overloaded', 'The queue is full.'))
          : encodeDocuments(texts, how),
    });
    return writes().finally(() => Object.assign(model, { encodeDocuments }));
  }

  beforeAll(async () => {
    const { bundle } = proxy.server.services.model;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: bundle.dims.vector });
  });

  it('is written without states or refused, as it says; the others of its request are what they are', async () => {
    for (const text of ['ice that lasts', 'ice that is lucky', 'ice that is there'])
      await send(`/_doc/${text.split(' ').at(-1)}`, document(text));
    for (const id of ['lasts', 'lucky']) await raw(engine.url, `/${index}/_doc/${id}`, { method: 'DELETE' });
    const lines = [
      { index: { _id: 'lucky' } },
      { text: 'ice that is lucky' },
      { create: { _id: 'unlucky' } },
      { text: 'ice that is unlucky' },
      { create: { _id: 'there' } },
      { text: 'ice that is there' },
      { index: { _id: 'last' } },
      { text: 'ice that lasts' },
    ];
    const outcome = await whileRefusing(async () => {
      const bulk = await send('/_bulk', { body: lines.map((line) => `${JSON.stringify(line)}\n`).join('') });
      const items: readonly Record<string, { status: number }>[] = bulk.body.items ?? [];
      const single = await send('/_doc/single', document('ice, unlucky and alone'));
      const update = await send('/_update/there', { body: '{"doc":{"text":"ice, unlucky and changed"}}' });
      return {
        bulk: { status: bulk.status, items: items.map((item) => Object.values(item)[0]!.status) },
        ...{ single: single.status, update: update.status },
      };
    });
    await proxy.engine.refresh(index);
    const found = await send('/_search', {
      body: JSON.stringify({ query: { match: { text: 'ice' } } }),
      headers: { 'x-mice-explain': 'true' },
    });
    const hits: readonly { _id: string; states: string }[] = found.body.mice.hits;
    const states = Object.fromEntries(hits.map((hit) => [hit._id, hit.states]));
    expect({ ...outcome, states }).toEqual(expected[policy]);
  });
}
