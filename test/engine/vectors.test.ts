import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { describeOnEngines, type EngineUnderTest } from '../support/engines.ts';
import { passages, question } from '../support/passages.ts';
import { proxyBefore, type RawAnswer, raw } from '../support/proxy.ts';

const page = readFileSync(new URL('../../docs/vectors.md', import.meta.url), 'utf8').split('\n');

/** The bodies of docs/vectors.md that hold a text where a vector belongs, on one engine. */
const textRows = (engine: string) =>
  page.flatMap((line) => {
    const [, name, body] = /^\| (\w+) \| `(\{.*\})` \|$/.exec(line) ?? [];
    return name?.toLowerCase() === engine ? [body!] : [];
  });

/** Its rows of the first stage: body, URL parameters, verdict, ids found. */
const firstStageRows = page.flatMap((line) => {
  const [, body, parameters, verdict, found] =
    /^\| `(\{.*\})` \| (?:`(\S+)`)? ?\| `(first-stage=[^`]+)` \| ([\w ]+) \|$/.exec(line) ?? [];
  return body ? [[body, parameters ?? '', verdict!, found!] as const] : [];
});

const parse = ({ text }: RawAnswer) =>
  JSON.parse(text) as {
    hits: { hits: { _id: string }[]; total: { value: number } };
    error?: { reason: string };
  };
const ids = (answer: RawAnswer) => parse(answer).hits.hits.map(({ _id }) => _id);

describeOnEngines('searches by vector', (engine: EngineUnderTest) => {
  const proxy = proxyBefore(engine);
  const index = engine.freshIndex('vectors');
  const ask = (body: string | object, headers: Record<string, string> = {}, path = `/${index}/_search`) =>
    raw(proxy.url, path, { body: typeof body === 'string' ? body : JSON.stringify(body), headers });

  beforeAll(async () => {
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    const body = JSON.stringify({ properties: { tag: { type: 'keyword' } } });
    await raw(engine.url, `/${index}/_mapping`, { method: 'PUT', body });
    const lines = passages.map(({ id, ...source }, at) =>
      [{ index: { _index: index, _id: id } }, { ...source, n: at, tag: at % 2 ? 'b' : 'a' }]
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    );
    const written = await raw(proxy.url, '/_bulk?refresh=true', { body: lines.join('') });
    expect(JSON.parse(written.text)).toMatchObject({ errors: false });
  });

  it.each(textRows(engine.name))('encodes the text in %s', async (body) => {
    const off = await ask(body, { 'x-mice': 'off' });
    expect(off.text).not.toContain('mice_');
    expect([off.status, off.headers['x-mice']]).toEqual([200, 'skipped; reason=off']);
    expect(ids(off)[0]).toBe('move');
    const on = await ask(body);
    expect([on.status, on.headers['x-mice']]).toEqual([200, expect.stringMatching(/^reranked/)]);
    expect(ids(on)[0]).toBe('move');
    expect(ids(on).toSorted()).toEqual(ids(off).toSorted());
    const several = await ask(`{"index":"${index}"}\n${body}\n`, {}, '/_msearch');
    const [response] = JSON.parse(several.text).responses as { hits: { hits: { _id: string }[] } }[];
    expect(response!.hits.hits.map(({ _id }) => _id)).toEqual(ids(on));
  });

  it('answers a text for a field that is no vector, or a shorter one, with the error of the cluster', async () => {
    await raw(engine.url, `/${index}/_mapping`, {
      method: 'PUT',
      body: JSON.stringify({
        properties: {
          short:
            engine.name === 'elasticsearch'
              ? { type: 'dense_vector', dims: 3 }
              : { type: 'knn_vector', dimension: 3, method: { name: 'hnsw', engine: 'lucene' } },
        },
      }),
    });
    for (const field of ['tag', 'short']) {
      const knn =
        engine.name === 'elasticsearch'
          ? { field, query_text: question, num_candidates: 10 }
          : { [field]: { query_text: question, k: 3 } };
      const answer = await ask({ query: { knn } });
      expect(answer.status).toBe(400);
      expect(answer.text).toMatch(/knn|dimension/i);
      expect(answer.headers['x-mice']).toBe('skipped; reason=upstream-status');
    }
  });

  it('says what is accepted where a clause has both a text and a vector', async () => {
    const { key, field } = proxy.engine.vectorClause;
    const both = { query_text: question, [key]: [1], k: 3 };
    const answer = await ask({
      query: { knn: field === 'key' ? { 'mice.vector': both } : { field: 'mice.vector', ...both } },
    });
    expect(answer.status).toBe(400);
    expect(parse(answer).error!.reason).toMatch(new RegExp(`either "query_text".*or "${key}"`));
  });

  it.each(firstStageRows)(
    'takes the candidates of %s %s by %s: %s',
    async (body, parameters, verdict, found) => {
      const path = `/${index}/_search${parameters && `?${parameters}`}`;
      const direct = await raw(engine.url, path, { body });
      const everything = passages.map(({ id }) => id);
      for (const mode of ['off', 'on']) {
        const answer = await ask(body, { 'x-mice': mode, 'x-mice-first-stage': 'vector' }, path);
        expect(answer.status).toBe(200);
        expect(answer.headers['x-mice']).toMatch(mode === 'off' ? /^skipped; reason=off/ : /^reranked/);
        expect(answer.headers['x-mice']).toMatch(new RegExp(`; ${verdict}$`));
        const shown = ids(answer);
        if (found === 'three') expect(shown).toHaveLength(3);
        else expect(shown.toSorted()).toEqual((found === 'all' ? [...everything] : found.split(' ')).sort());
        const { hits, took: _, ...rest } = { took: 0, ...parse(answer) };
        const { hits: own, took: __, ...others } = { took: 0, ...parse(direct) };
        expect(rest).toEqual(others);
        expect(hits.total).toEqual(own.total);
        const ownHits = new Map(own.hits.map((hit) => [hit._id, hit]));
        for (const hit of hits.hits)
          if (ownHits.has(hit._id))
            expect({ ...ownHits.get(hit._id), _score: 0 }).toEqual({ ...hit, _score: 0 });
      }
    },
  );

  it.each(['vector', 'hybrid'])('cuts every page from one order: %s', async (stage) => {
    const base = { query: { match: { text: question } } };
    const headers = { 'x-mice-first-stage': stage, 'x-mice-window': '4' };
    for (const mode of ['off', 'on']) {
      const page = async (from: number, size: number) =>
        ids(await ask({ ...base, from, size }, { ...headers, 'x-mice': mode }));
      const whole = await page(0, 10);
      expect(new Set(whole).size).toBe(whole.length);
      for (const size of [1, 3]) {
        const pages = [];
        for (let from = 0; from < whole.length; from += size) pages.push(...(await page(from, size)));
        expect(pages).toEqual(whole);
      }
    }
  });

  it('gives each search of several its own candidates, in one request', async () => {
    const search = {
      query: { bool: { must: { match: { text: 'glaciers' } }, filter: { term: { tag: 'a' } } } },
    };
    const headers = { 'x-mice-first-stage': 'hybrid' };
    const lines = [
      { index },
      search,
      { index: 'no-such-index' },
      search,
      { index },
      { ...search, sort: ['n'] },
    ];
    const body = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const answer = await ask(body, headers, '/_msearch');
    const verdicts = answer.headers['x-mice']!.split(', ');
    expect(verdicts[0]).toMatch(/^reranked.*first-stage=hybrid$/);
    expect(verdicts.slice(1)).toEqual(['skipped; reason=upstream-status', 'skipped; reason=sort']);
    const responses = JSON.parse(answer.text).responses as {
      hits: { hits: { _id: string }[] };
      status: number;
    }[];
    expect(responses.map(({ status }) => status)).toEqual([200, 404, 200]);
    expect(responses[0]!.hits.hits.map(({ _id }) => _id)).toEqual(ids(await ask(search, headers)));
  });

  it('finds no neighbours by vectors of another bundle in the same field', async () => {
    const mixed = engine.freshIndex('mixed');
    const { model } = proxy.server.services;
    await setupIndex(proxy.engine, mixed, { object: 'mice', vectorDims: model.bundle.dims.vector });
    const texts = { near: 'Glaciers move downhill.', far: 'A recipe for bread.' };
    for (const [id, text] of Object.entries(texts))
      await raw(proxy.url, `/${mixed}/_doc/${id}`, { method: 'PUT', body: JSON.stringify({ text }) });
    const { vector } = (await model.encodeDocuments([texts.near]))[0]!;
    const mice = { vector: [...vector], model: 'another@0123456789abcdef' };
    const body = JSON.stringify({ doc: { mice } });
    await raw(engine.url, `/${mixed}/_update/near?refresh=true`, { body });
    const search = { query: { match: { text: 'nowhere' } } };
    for (const mode of ['off', 'on']) {
      const headers = { 'x-mice': mode, 'x-mice-first-stage': 'vector' };
      const answer = await ask(search, headers, `/${mixed}/_search`);
      expect(answer.headers['x-mice']).toMatch(/; first-stage=vector$/);
      expect(ids(answer)).toEqual(['far']);
    }
  });

  it('leaves an index without vectors to the search itself, and says so', async () => {
    const bare = engine.freshIndex('bare');
    await raw(engine.url, `/${bare}/_doc/1?refresh=true`, { method: 'PUT', body: '{"text":"glaciers"}' });
    const body = JSON.stringify({ query: { match: { text: 'glaciers' } } });
    const answer = await ask(body, { 'x-mice-first-stage': 'hybrid' }, `/${bare}/_search`);
    expect(answer.headers['x-mice']).toMatch(
      /^reranked.*first-stage=as-sent; first-stage-reason=(no-vectors|vector-refused)$/,
    );
    expect(ids(answer)).toEqual(['1']);
  });
});
