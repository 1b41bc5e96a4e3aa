import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { findHits } from '../../src/proxy/hits.ts';
import { describeOnEveryVersion } from '../support/engines.ts';
import { bulkLines, passages, question, search } from '../support/passages.ts';
import { proxyBefore, raw } from '../support/proxy.ts';

interface SearchBody {
  readonly took: number;
  readonly hits: {
    readonly total: unknown;
    readonly max_score: number;
    readonly hits: readonly {
      readonly _id: string;
      readonly _score: number;
      readonly _source?: Record<string, unknown>;
    }[];
  };
}

const ids = (text: string) => (JSON.parse(text) as SearchBody).hits.hits.map(({ _id }) => _id);

/** The hits' own bytes, by id, without their scores. */
function hitTexts(answer: string): Map<string, string> {
  const bytes = Buffer.from(answer);
  return new Map(
    findHits(bytes, 'mice.states').hits.map(({ id, span, score }) => {
      expect(score).toBeDefined();
      const before = bytes.toString('utf8', span.start, score!.start);
      return [id, `${before}?${bytes.toString('utf8', score!.end, span.end)}`];
    }),
  );
}

describeOnEveryVersion('searches through the proxy', (engine) => {
  const proxy = proxyBefore(engine);
  const prepared = engine.freshIndex('prepared');
  const plain = engine.freshIndex('plain');

  beforeAll(async () => {
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, prepared, { object: 'mice', vectorDims: dims.vector });
    for (const index of [prepared, plain]) {
      const answer = await raw(proxy.url, '/_bulk?refresh=true', {
        body: bulkLines(index),
        headers: { 'content-type': 'application/x-ndjson' },
      });
      expect(JSON.parse(answer.text)).toMatchObject({ errors: false });
    }
  });

  const ask = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    raw(proxy.url, path, { body: JSON.stringify(body), headers });
  const askDirectly = (path: string, body: unknown) => raw(engine.url, path, { body: JSON.stringify(body) });

  it('puts the passage that answers before the one that repeats the words', async () => {
    const direct = await askDirectly(`/${prepared}/_search`, search);
    const reranked = await ask(`/${prepared}/_search`, search);
    expect(ids(direct.text)[0]).toBe('word');
    expect(ids(reranked.text)[0]).toBe('move');
    expect(reranked.headers['x-mice']).toMatch(/^reranked; window=\d+; scored=\d+; model=\S+; took=\d+$/);
  });

  it('ranks alike from stored states and from states computed on sight', async () => {
    const stored = JSON.parse((await ask(`/${prepared}/_search`, search)).text) as SearchBody;
    const live = JSON.parse((await ask(`/${plain}/_search`, search)).text) as SearchBody;
    expect(live.hits.hits.map(({ _id }) => _id)).toEqual(stored.hits.hits.map(({ _id }) => _id));
    for (const [at, { _score }] of live.hits.hits.entries()) {
      expect(_score).toBeCloseTo(stored.hits.hits[at]!._score, 4);
    }
  });

  it('works with the official client, by POST and GET, by body and by q', async () => {
    const { hits, headers } = await proxy.proxied.search(prepared, search);
    expect(hits[0]!.id).toBe('move');
    expect(headers['x-mice']).toMatch(/^reranked/);
    const byQ = await raw(proxy.url, `/${prepared}/_search?q=${encodeURIComponent(question)}`);
    expect(byQ.headers['x-mice']).toMatch(/^reranked/);
    const byGet = await raw(proxy.url, `/${prepared}/_search`, {
      method: 'GET',
      body: JSON.stringify(search),
    });
    expect(ids(byGet.text)[0]).toBe('move');
  });

  it('searches several indices, patterns and everything', async () => {
    for (const target of [`${prepared},${plain}`, `${prepared}*,${plain}`]) {
      const answer = await ask(`/${target}/_search?ignore_unavailable=true`, search);
      expect(answer.headers['x-mice'], target).toMatch(/^reranked/);
      expect(ids(answer.text)[0], target).toBe('move');
    }
    expect((await ask('/_search', search)).headers['x-mice']).toMatch(/^reranked/);
  });

  it('hands on every hit byte for byte but for its score, numbers of 64 bits included', async () => {
    const index = engine.freshIndex('bytes');
    const source =
      '{ "text":"how glaciers move", "big": 9223372036854775807, "list":[1.0,1e2,-0.0], "\\u00e9":"\\ud83d\\ude00" }';
    await raw(proxy.url, `/${index}/_doc/1?refresh=true`, { method: 'PUT', body: source });
    await raw(proxy.url, `/${index}/_doc/2?refresh=true`, {
      method: 'PUT',
      body: source.replace('how', 'do').replace('807', '806'),
    });
    for (const path of [`/${index}/_search`, `/${index}/_search?version=true&seq_no_primary_term=true`]) {
      const asked = { ...search, highlight: { fields: { text: {} } }, fields: ['big'], explain: true };
      const direct = await askDirectly(path, asked);
      const reranked = await ask(path, asked);
      expect(reranked.headers['x-mice']).toMatch(/^reranked/);
      expect(hitTexts(reranked.text)).toEqual(hitTexts(direct.text));
      expect(reranked.text).toContain('9223372036854775807');
    }
  });

  it('shows no states, whatever else the caller asks for', async () => {
    const answers = [
      await ask(`/${prepared}/_search`, search),
      await ask(`/${prepared}/_search`, { ...search, docvalue_fields: ['mice.hash'] }),
      await ask(`/${prepared}/_search?pretty`, search),
    ];
    for (const { text, headers } of answers) {
      expect(headers['x-mice']).toMatch(/^reranked/);
      expect(text).not.toContain('mice.states');
      expect(text).not.toContain('"vector"');
    }
    expect(answers[1]!.text).toContain('"mice.hash"');
  });

  it('restores the page of the caller out of the window', async () => {
    const all = ids((await ask(`/${prepared}/_search`, { ...search, size: 6 })).text);
    expect(all.length).toBeGreaterThan(2);
    const first = ids((await ask(`/${prepared}/_search`, { ...search, size: 2 })).text);
    const second = ids((await ask(`/${prepared}/_search`, { ...search, from: 2, size: 2 })).text);
    expect([...first, ...second]).toEqual(all.slice(0, 4));
  });

  it('leaves totals, aggregations and suggestions as the cluster gave them', async () => {
    const asked = {
      ...search,
      size: 1,
      aggs: { n: { value_count: { field: '_index' } } },
      suggest: { s: { text: 'glacer', term: { field: 'text' } } },
    };
    const direct = JSON.parse((await askDirectly(`/${prepared}/_search`, asked)).text);
    const reranked = JSON.parse((await ask(`/${prepared}/_search`, asked)).text);
    for (const part of ['aggregations', 'suggest', '_shards', 'timed_out'])
      expect(reranked[part]).toEqual(direct[part]);
    expect(reranked.hits.total).toEqual(direct.hits.total);
    expect(reranked.hits.max_score).toBe(reranked.hits.hits[0]._score);
  });

  it('reads texts by id when the caller hides the source', async () => {
    const answer = await ask(`/${plain}/_search`, { ...search, _source: false });
    expect(answer.headers['x-mice']).toMatch(/^reranked/);
    expect(ids(answer.text)[0]).toBe('move');
    expect(answer.text).not.toContain('"_source"');
  });

  it('sees that states are stale when a document was changed past it', async () => {
    const index = engine.freshIndex('stale');
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(index) });
    await raw(engine.url, `/${index}/_update/bake?refresh=true`, {
      body: '{"doc":{"title":"How glaciers move","text":"Glaciers move because ice flows and slides."}}',
    });
    const answer = await ask(`/${index}/_search`, search);
    expect(ids(answer.text).indexOf('bake')).toBeLessThan(2);
  });

  it.each([
    ['sort', { ...search, sort: ['_doc'] }],
    ['size-0', { ...search, size: 0 }],
    ['no-query-text', { query: { match_all: {} } }],
    ['collapse', { ...search, collapse: { field: 'mice.hash' } }],
    ['beyond-window', { ...search, from: 100 }],
  ])('answers as the cluster does and says why: %s', async (reason, body) => {
    const direct = JSON.parse((await askDirectly(`/${prepared}/_search`, body)).text);
    const answer = await ask(`/${prepared}/_search`, body);
    expect(answer.headers['x-mice']).toBe(`skipped; reason=${reason}`);
    expect({ ...JSON.parse(answer.text), took: 0 }).toEqual({ ...direct, took: 0 });
  });

  it.each([
    ['unreadable-body', `/${prepared}/_search`, '{"query":'],
    ['upstream-status', `/${prepared}/_search`, '{"query":{"match":{"text":{"query":"ice","nonsense":1}}}}'],
    ['upstream-status', '/no-such-index/_search', JSON.stringify(search)],
    ['off', `/${prepared}/_search`, '{"query":{"match":{"text":"ice"}},"ext":{"mice":{"mode":"off"}}}'],
  ])('gives the error or answer of the cluster itself: %s at %s', async (reason, path, body) => {
    const sent = body.replace(/,"ext".*$/, '}');
    const direct = await raw(engine.url, path, { body: sent });
    const answer = await raw(proxy.url, path, { body });
    expect(answer.status).toBe(direct.status);
    expect(answer.headers['x-mice']).toBe(`skipped; reason=${reason}`);
    const { took: _took, ...rest } = JSON.parse(answer.text);
    const { took: _direct, ...directRest } = JSON.parse(direct.text);
    expect(rest).toEqual(directRest);
  });

  it('refuses a control that it does not know, and says what is accepted', async () => {
    const answer = await ask(`/${prepared}/_search`, { ...search, ext: { mice: { windw: 3 } } });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error.reason).toMatch(/windw.*Accepted: mode, window, query/);
  });

  it('answers in the order of the cluster when the deadline leaves no time, and says so', async () => {
    const index = engine.freshIndex('slow');
    const text = 'glaciers move '.repeat(200);
    const lines = Array.from(
      { length: 60 },
      (_, at) => `{"index":{"_index":"${index}"}}\n{"text":"${text} ${at}"}\n`,
    ).join('');
    await raw(engine.url, '/_bulk?refresh=true', { body: lines });
    const body = { ...search, size: 60 };
    const answer = await ask(`/${index}/_search`, body, { 'x-mice-deadline': '1' });
    expect(answer.headers['x-mice']).toMatch(/^degraded; reason=deadline; window=60; scored=\d+/);
    expect(new Set(ids(answer.text)).size).toBe(60);
  });

  it('survives a query of 10,000 words', async () => {
    const query = { match: { text: { query: 'glaciers '.repeat(1000), operator: 'or' } } };
    expect((await ask(`/${prepared}/_search`, { query })).headers['x-mice']).toMatch(/^reranked/);
    const words = Array.from({ length: 10_000 }, (_, at) => `w${at}`).join(' ');
    const direct = await askDirectly(`/${prepared}/_search`, { query: { match: { text: words } } });
    const answer = await ask(`/${prepared}/_search`, { query: { match: { text: words } } });
    expect(answer.status).toBe(direct.status);
  });

  it('reads compressed requests and answers what accepts compression', async () => {
    const answer = await raw(proxy.url, `/${prepared}/_search`, {
      body: gzipSync(JSON.stringify(search)),
      headers: { 'content-encoding': 'gzip', 'accept-encoding': 'gzip' },
    });
    expect(ids(answer.text)[0]).toBe('move');
  });

  it('explains each hit on request: both ranks and scores, and whether its states are fresh, stale or missing', async () => {
    const index = engine.freshIndex('explained');
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(index) });
    const { text: found } = await askDirectly(`/${index}/_search`, { docvalue_fields: ['mice.states'] });
    const bake = JSON.parse(found).hits.hits.find(({ _id }: { _id: string }) => _id === 'bake');
    // Shown without the padding that is asked for in what is written.
    const states = Buffer.from(bake.fields['mice.states'][0], 'base64').toString('base64');
    const written = { title: 'Glaciers', text: 'How do glaciers move?' };
    for (const [id, source] of [
      ['bake', { ...written, mice: { states } }],
      ['bare', written],
    ] as const) {
      const path = `/${index}/_doc/${id}?refresh=true`;
      const { status } = await raw(engine.url, path, { method: 'PUT', body: JSON.stringify(source) });
      expect([200, 201]).toContain(status);
    }
    const direct = JSON.parse((await askDirectly(`/${index}/_search`, search)).text) as SearchBody;
    const answer = await ask(`/${index}/_search`, search, { 'x-mice-explain': 'true' });
    const { hits, mice } = JSON.parse(answer.text);
    const told = (mice.hits as { _id: string; states: string }[]).map(({ _id, states: kind }) => [_id, kind]);
    expect(Object.fromEntries(told)).toMatchObject({ move: 'fresh', bake: 'stale', bare: 'missing' });
    for (const [at, hit] of mice.hits.entries()) {
      const { _id, _score } = hits.hits[at];
      const first = direct.hits.hits.findIndex((one) => one._id === _id);
      expect(hit).toMatchObject({
        _id,
        rank: at + 1,
        score: expect.closeTo(_score, 4),
        first_stage: { rank: first + 1, score: direct.hits.hits[first]!._score },
      });
    }
  });

  it('names the stages of its time on request', async () => {
    const answer = await ask(`/${prepared}/_search`, search, { 'x-mice-explain': 'true' });
    for (const stage of ['upstream', 'query', 'states', 'score', 'total']) {
      expect(answer.headers['server-timing']).toMatch(new RegExp(`${stage};dur=[0-9.]+`));
    }
  });

  it('lets everything else through: other routes, methods and media types', async () => {
    for (const path of [
      '/_cluster/health',
      `/${prepared}/_count`,
      `/${prepared}/_mapping`,
      '/_cat/indices?format=yaml',
      '/nope/_doc/1',
    ]) {
      const direct = await raw(engine.url, path);
      const answer = await raw(proxy.url, path);
      expect(answer.status, path).toBe(direct.status);
      expect(answer.headers['content-type'], path).toBe(direct.headers['content-type']);
      if (path !== '/_cluster/health') expect(answer.text, path).toBe(direct.text);
    }
    expect((await raw(proxy.url, `/${prepared}`, { method: 'HEAD' })).status).toBe(200);
  });

  it('stands before an engine with the capabilities that its dialect declares', async () => {
    const { capabilities } = proxy.engine;
    const pipelines = await raw(engine.url, '/_search/pipeline');
    expect(pipelines.status === 200 || pipelines.status === 404).toBe(capabilities.searchPipelines);
    const { headers } = await raw(engine.url, '/_cluster/health');
    expect('x-elastic-product' in headers).toBe(capabilities.productHeader);
    expect((await raw(proxy.url, '/_cluster/health')).headers['x-elastic-product']).toBe(
      headers['x-elastic-product'],
    );
  });

  it('has routes of its own for the model', async () => {
    const embedded = JSON.parse(
      (await ask('/_mice/v1/embeddings', { input: ['ice'], input_type: 'query' })).text,
    );
    expect(embedded.data[0].embedding).toHaveLength(proxy.server.services.model.bundle.dims.vector);
    const answer = await ask('/_mice/v1/rerank', {
      query: question,
      documents: passages.map(({ text }) => text),
      top_n: 2,
    });
    const { results } = JSON.parse(answer.text);
    expect(results).toHaveLength(2);
    expect(results[0].index).toBe(0);
    expect(answer.text).toMatch(/"relevance_score":-?\d+\.\d+/);
    const bad = await ask('/_mice/v1/rerank', { query: question });
    expect(bad.status).toBe(400);
    expect(bad.text).toMatch(/documents/);
    expect((await ask('/_mice/nope', {})).text).toMatch(/Routes: GET \/_mice\//);
  });

  it('counts what became of searches', async () => {
    await ask(`/${prepared}/_search`, search);
    expect((await raw(proxy.url, '/_mice/metrics')).text).toMatch(
      /mice_searches_total\{outcome="reranked",reason=""\} \d/,
    );
  });

  it('compares both orders for the page', async () => {
    const listed = JSON.parse((await raw(proxy.url, '/_mice/indices')).text);
    expect(listed.indices).toContainEqual({ name: prepared, documents: passages.length });
    const compared = JSON.parse(
      (await ask('/_mice/compare', { index: prepared, query: question, size: 3 })).text,
    );
    expect(compared.firstStage.hits[0].id).toBe('word');
    expect(compared.reranked.hits[0]).toMatchObject({ id: 'move', index: prepared });
    expect(compared.reranked.hits[0].firstRank).toBeGreaterThan(1);
    expect(compared.verdict.outcome).toBe('reranked');
    expect(compared.timingsMs.total ?? compared.timingsMs.upstream).toBeGreaterThan(0);
    expect(
      (await ask('/_mice/compare', { index: engine.freshIndex('absent'), query: question })).status,
    ).toBe(404);
  });
});

describeOnEveryVersion('a model that fails', (engine) => {
  const proxy = proxyBefore(engine);
  const index = engine.freshIndex('faulty');

  it("leaves the cluster's own answer, says so, and loses no write", async () => {
    await raw(engine.url, '/_bulk?refresh=true', { body: bulkLines(index) });
    await setupIndex(proxy.engine, `${index}-set-up`, { object: 'mice', vectorDims: 384 });
    await proxy.server.services.model.close();
    const asked = { body: JSON.stringify({ ...search, size: 2 }) };
    const direct = await raw(engine.url, `/${index}/_search`, asked);
    const answer = await raw(proxy.url, `/${index}/_search`, asked);
    expect(answer.status).toBe(200);
    expect(answer.headers['x-mice']).toMatch(/^degraded; reason=model-failed; window=\d+; scored=0/);
    expect({ ...JSON.parse(answer.text), took: 0 }).toEqual({ ...JSON.parse(direct.text), took: 0 });
    const written = await raw(proxy.url, `/${index}-set-up/_doc/1`, {
      method: 'PUT',
      body: '{"text":"ice"}',
    });
    expect(written.status).toBe(201);
    expect((await raw(proxy.url, '/_mice/metrics')).text).toMatch(
      /mice_documents_total\{outcome="failed"\} 1/,
    );
  });
});
