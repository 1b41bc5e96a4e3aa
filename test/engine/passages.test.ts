import { beforeAll, expect, it } from 'vitest';
import { backfill } from '../../src/ingest/backfill/backfill.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { setupIndex } from '../../src/ingest/setup.ts';
import { plainSelection } from '../../src/ingest/text.ts';
import { describeOnEngines } from '../support/engines.ts';
import { proxyBefore, raw } from '../support/proxy.ts';

const QUESTION = 'how do hedgehogs survive the winter';
const ANSWER = [
  'Hedgehogs hibernate in a nest of leaves from November until spring, living on their body fat.',
  'In autumn a hedgehog eats as much as it can, so that it is fat enough to survive the winter.',
  'While it sleeps its heart beats a few times a minute only, and its body is as cold as the nest.',
  'A hedgehog that is too light in autumn does not survive the winter without help.',
  'Hedgehogs wake up now and then on warm winter days, and may even move to another nest.',
  'In spring the hedgehog has lost a third of its weight, and goes out to eat beetles and worms.',
].join(' ');
const FILLER = Array.from(
  { length: 40 },
  (_, at) => `On day ${at} the council met in the town hall and spoke of the new road to the harbour.`,
).join(' ');

/** The answer stands at the end of a document that is three times as long as the bundle reads at a time. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  long: `${FILLER} ${ANSWER}`,
  near: 'The toy shop sells hedgehogs made of wood in winter, at a low price.',
  far: 'How do you survive the winter sales? The shops tell you how.',
  other: 'The railway company sells winter tickets.',
};

describeOnEngines('documents whose neighbouring tokens are merged', (engine) => {
  const all = proxyBefore(engine, { statesTokens: 'all' });
  const merged = proxyBefore(engine, { statesTokens: 'merged' });
  const index = engine.freshIndex('merged');

  const put = (url: string) => async (id: string) => {
    const body = JSON.stringify({ text: DOCUMENTS[id] });
    expect(await raw(url, `/${index}/_doc/${id}?refresh=true`, { method: 'PUT', body })).toMatchObject({
      status: 201,
    });
  };

  async function search(url: string) {
    const body = JSON.stringify({ query: { match: { text: QUESTION } }, ext: { mice: { explain: true } } });
    const answer = JSON.parse((await raw(url, `/${index}/_search`, { body })).text);
    return {
      ids: answer.hits.hits.map(({ _id }: { _id: string }) => _id),
      tokens: answer.hits.hits.map(
        ({ _source }: { _source: { mice: { tokens: number } } }) => _source.mice.tokens,
      ),
      states: answer.mice.hits.map((hit: { states: string }) => hit.states),
    };
  }

  it('keep a third fewer, are found as before, and are read anew where all tokens are wanted', async () => {
    await setupIndex(merged.engine, index, {
      object: 'mice',
      vectorDims: merged.server.services.model.bundle.dims.vector,
    });
    for (const id of Object.keys(DOCUMENTS)) await put(merged.url)(id);
    const fewer = await search(merged.url);
    expect(fewer.ids[0]).toBe('long');
    expect(new Set(fewer.states)).toEqual(new Set(['fresh']));
    const more = await search(all.url);
    expect(more.ids[0]).toBe('long');
    expect(new Set(more.states)).toEqual(new Set(['stale']));
    const { model } = all.server.services;
    for (const [at, id] of fewer.ids.entries()) {
      const [whole] = await model.encodeDocuments([DOCUMENTS[id]!]);
      expect(fewer.tokens[at] / whole!.tokens).toBeCloseTo(2 / 3, 1);
    }
  });
});

describeOnEngines('a document longer than the bundle reads at a time', (engine) => {
  const split = proxyBefore(engine, { passagesVectors: 'passage' });
  const cut = proxyBefore(engine, { passagesMax: 1 });
  const index = engine.freshIndex('long');
  const filled = engine.freshIndex('filled');
  const put = (url: string, name: string, id: string, text: string) =>
    raw(url, `/${name}/_doc/${id}?refresh=true`, { method: 'PUT', body: JSON.stringify({ text }) });

  beforeAll(async () => {
    const fields = { object: 'mice', vectorDims: split.server.services.model.bundle.dims.vector };
    await setupIndex(split.engine, index, fields);
    await setupIndex(split.engine, filled, fields);
    for (const [id, text] of Object.entries(DOCUMENTS)) {
      expect((await put(split.url, index, id, text)).status).toBe(201);
      await put(engine.url, filled, id, text);
    }
  });

  async function search(url: string, name = index) {
    const body = JSON.stringify({ query: { match: { text: QUESTION } }, ext: { mice: { explain: true } } });
    const { text, headers } = await raw(url, `/${name}/_search`, { body });
    const answer = JSON.parse(text);
    return {
      ids: answer.hits.hits.map(({ _id }: { _id: string }) => _id),
      sources: answer.hits.hits.map(({ _source }: { _source: object }) => _source),
      explained: Object.fromEntries(answer.mice.hits.map((hit: { _id: string }) => [hit._id, hit])),
      verdict: String(headers['x-mice']),
    };
  }

  /** Ids by the nearest of their passages, in the engine's own words. */
  async function nearest(field: string, query: string) {
    const { vector } = await split.server.services.model.encodeQuery(query);
    const body =
      engine.name === 'elasticsearch'
        ? { knn: { field, query_vector: [...vector], k: 4, num_candidates: 100 } }
        : {
            query: field.includes('passages')
              ? {
                  nested: {
                    path: 'mice.passages',
                    score_mode: 'max',
                    query: { knn: { [field]: { vector: [...vector], k: 20 } } },
                  },
                }
              : { knn: { [field]: { vector: [...vector], k: 4 } } },
          };
    return (await split.engine.search(index, body)).hits.map(({ id }) => id);
  }

  it('is found by the passage that answers, where a cut would have missed it', async () => {
    const whole = await search(split.url);
    expect(whole.ids[0]).toBe('long');
    expect((await search(cut.url)).ids[0]).not.toBe('long');
    const { passage, truncated, states } = whole.explained['long'];
    expect({ truncated, states }).toEqual({ truncated: false, states: 'fresh' });
    expect(passage.number).toBe(passage.of);
    expect(DOCUMENTS['long']!.slice(passage.start, passage.end)).toContain(ANSWER);
    expect(whole.explained['near'].passage).toEqual({ number: 1, of: 1 });
  });

  it('is told of in the verdict: how many passages were scored, and how many texts were cut', async () => {
    const { verdict } = await search(split.url);
    expect(verdict).toMatch(/scored=4; passages=\d+; model=/);
    expect((await search(cut.url)).verdict).toMatch(/scored=4; truncated=1; model=/);
  });

  it('has states that are stale to a proxy that splits otherwise, which reads it on sight', async () => {
    const { explained } = await search(cut.url);
    expect(explained['long'].states).toBe('stale');
    expect(explained['near'].states).toBe('fresh');
  });

  it('is found by vector through its last passage, and no answer carries vectors', async () => {
    expect((await nearest('mice.passages.vector', QUESTION))[0]).toBe('long');
    expect((await nearest('mice.vector', QUESTION))[0]).not.toBe('long');
    const { sources } = await search(split.url);
    expect(JSON.stringify(sources)).not.toMatch(/"(vector|states)"/);
  });

  it('keeps its passages when other fields of it are updated, and loses them with its text', async () => {
    const update = async (doc: object) => {
      const path = `/${index}/_update/long?refresh=true`;
      expect(await raw(split.url, path, { body: JSON.stringify({ doc }) })).toMatchObject({ status: 200 });
    };
    await update({ n: 1 });
    expect((await search(split.url)).explained['long']).toMatchObject({ states: 'fresh' });
    expect((await nearest('mice.passages.vector', QUESTION))[0]).toBe('long');
    await update({ text: FILLER });
    expect((await nearest('mice.passages.vector', QUESTION))[0]).not.toBe('long');
    await update({ text: DOCUMENTS['long'] });
    expect((await nearest('mice.passages.vector', QUESTION))[0]).toBe('long');
  });

  it('gets its passages by a backfill, which knows those of another splitting to be stale', async () => {
    const { model } = split.server.services;
    const common = {
      ...{ engine: split.engine, object: 'mice', selectionOf: () => plainSelection(['text']) },
      ...{ passageVectors: true, signal: new AbortController().signal },
      placing: split.server.services.placing,
    };
    const verify = async (splitting = model.splitting) =>
      (await verifyStates(filled, { ...common, model: model.bundle.model, splitting }))[0]!;
    expect(await verify()).toMatchObject({ fresh: 0, missing: 4 });
    await backfill(filled, { ...common, model });
    expect(await verify()).toMatchObject({ fresh: 4, stale: 0, missing: 0 });
    expect(await verify(cut.server.services.model.splitting)).toMatchObject({ fresh: 3, stale: 1 });
    await split.engine.refresh(filled);
    const { ids, explained } = await search(split.url, filled);
    expect([ids[0], explained['long'].states]).toEqual(['long', 'fresh']);
  });
});
