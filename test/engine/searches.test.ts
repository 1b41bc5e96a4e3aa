import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { asyncFront } from '../support/async-front.ts';
import { describeOnEveryVersion, type EngineUnderTest } from '../support/engines.ts';
import { passages, question } from '../support/passages.ts';
import { proxyBefore, raw } from '../support/proxy.ts';

/** The rows of docs/searches.md: body, URL parameters, verdict. */
const rows = readFileSync(new URL('../../docs/searches.md', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^\| `(\{.*\})` \| (?:`(\S+)`)? ?\| `([^`]+)` \|/.exec(line))
  .filter((row) => row !== null)
  .map(([, body, parameters, verdict]) => [body!, parameters ?? '', verdict!] as const);

const base = { query: { multi_match: { query: question, fields: ['title', 'text'] } } };

interface Answer {
  readonly hits?: { readonly hits?: readonly Record<string, unknown>[]; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

/** What re-ranking may not change: all but order, scores and times; the hits in an order of their own. */
function unordered({ took: _took, profile: _profile, hits, ...rest }: Answer) {
  if (hits === undefined) return rest;
  const { hits: list, max_score: _score, ...others } = hits;
  const texts = list?.map(({ _score: _, ...hit }) => JSON.stringify(hit)).sort();
  return { ...rest, hits: { ...others, hits: texts } };
}

const parse = (text: string) => JSON.parse(text) as Answer;
const ids = (answer: Answer) => answer.hits?.hits?.map((hit) => hit['_id']);
const isJson = (text: string) => text.startsWith('{');

/** Documents with the fields that the rows name; by word matches `word` comes first, by meaning `move`. */
function documents(index: string): string {
  return passages
    .map(({ id, ...source }, at) => {
      const more = { n: at, tag: at % 2 ? 'b' : 'a', notes: [{ body: `ice ${at}` }, { body: 'snow' }] };
      return `${JSON.stringify({ index: { _index: index, _id: id } })}\n${JSON.stringify({ ...source, ...more })}\n`;
    })
    .join('');
}

describeOnEveryVersion('the documented searches', (engine: EngineUnderTest) => {
  const proxy = proxyBefore(engine);
  const index = engine.freshIndex('searches');

  beforeAll(async () => {
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    await raw(engine.url, `/${index}/_mapping`, {
      method: 'PUT',
      body: '{"properties":{"tag":{"type":"keyword"},"notes":{"type":"nested"},"title":{"type":"text","store":true}}}',
    });
    const written = await raw(proxy.url, '/_bulk?refresh=true', { body: documents(index) });
    expect(parse(written.text)).toMatchObject({ errors: false });
  });

  it.each(rows)('%s %s: %s', async (added, parameters, verdict) => {
    const path = `/${index}/_search${parameters && `?${parameters}`}`;
    const body = JSON.stringify({ ...base, ...JSON.parse(added) });
    const direct = await raw(engine.url, path, { body });
    const answer = await raw(proxy.url, path, { body });
    expect(answer.headers['x-mice']).toContain(verdict);
    expect(answer.status).toBe(direct.status);
    expect(answer.headers['content-type']).toBe(direct.headers['content-type']);
    expect(answer.text).not.toContain('mice.states');
    if (!isJson(direct.text)) return;
    const [got, own] = [parse(answer.text), parse(direct.text)];
    if (verdict === 'reranked') {
      expect(unordered(got)).toEqual(unordered(own));
      expect(answer.text.replace(/\S/g, '').length).toBe(direct.text.replace(/\S/g, '').length);
      const shown = ids(got)?.filter((id) => id !== undefined) ?? [];
      if (shown.includes('move') && !parameters.startsWith('q=')) expect(shown[0]).toBe('move');
      return;
    }
    if (verdict.endsWith('scroll')) {
      const { _scroll_id: _a, took: _b, ...rest } = got;
      expect(own).toMatchObject(rest);
      return;
    }
    // A profile holds times; of it, only that it is there is compared.
    const timeless = (one: Answer) => ({ ...one, took: 0, profile: one['profile'] !== undefined });
    expect(timeless(got)).toEqual(timeless(own));
  });

  it('leaves a point in time to the cluster', async () => {
    const opened = await raw(
      engine.url,
      engine.name === 'elasticsearch'
        ? `/${index}/_pit?keep_alive=1m`
        : `/${index}/_search/point_in_time?keep_alive=1m`,
      { method: 'POST' },
    );
    const { id, pit_id } = parse(opened.text);
    const body = JSON.stringify({ ...base, pit: { id: id ?? pit_id, keep_alive: '1m' } });
    const answer = await raw(proxy.url, '/_search', { body });
    expect(answer.status).toBe(200);
    expect(answer.headers['x-mice']).toBe('skipped; reason=point-in-time');
    expect(ids(parse(answer.text))![0]).toBe('word');
  });

  it('gives states to who asks for them', async () => {
    const body = JSON.stringify({ ...base, docvalue_fields: ['mice.states'] });
    const direct = parse((await raw(engine.url, `/${index}/_search`, { body })).text);
    const answer = await raw(proxy.url, `/${index}/_search`, { body });
    expect(answer.headers['x-mice']).toMatch(/^reranked; window=\d+; scored=[1-9]/);
    expect(unordered(parse(answer.text))).toEqual(unordered(direct));
    expect(answer.text).toContain('mice.states');
  });

  it('reads a body from the URL', async () => {
    const source = encodeURIComponent(JSON.stringify({ ...base, ext: { mice: { window: 3 } } }));
    const path = `/${index}/_search?source_content_type=application/json&source=${source}`;
    const answer = await raw(proxy.url, path);
    expect(answer.headers['x-mice']).toMatch(/^reranked; window=3/);
  });

  /** Searches so far in which the model gave scores. */
  const scorings = async () => {
    const { text } = await raw(proxy.url, '/_mice/metrics');
    return Number(/mice_search_stage_seconds_count\{stage="score"\} (\d+)/.exec(text)?.[1] ?? 0);
  };

  it.each([
    ['_search', (body: object) => JSON.stringify(body), (text: string) => parse(text)],
    [
      '_msearch',
      (body: object) => `{}\n{"size":1}\n{}\n${JSON.stringify(body)}\n`,
      (text: string) => (parse(text)['responses'] as Answer[])[1]!,
    ],
  ])(
    'cuts the same pages whatever their size, before and after their order is kept: %s',
    async (endpoint, around, own) => {
      const ask = (from: number, size: number) =>
        raw(proxy.url, `/${index}/${endpoint}`, { body: around({ ...base, from, size }) });
      const before = await scorings();
      const whole = await ask(0, 10);
      expect(await scorings()).toBe(before + 1);
      const order = ids(own(whole.text))!;
      expect(order.length).toBeGreaterThan(3);
      for (const size of [1, 2, 3]) {
        const pages = [];
        for (let from = 0; from < order.length; from += size)
          pages.push(...ids(own((await ask(from, size)).text))!);
        expect(pages).toEqual(order);
      }
      const known = await scorings();
      const later = await ask(1, 2);
      expect(later.headers['x-mice']).toMatch(/reranked; window=\d+; scored=[1-9]/);
      expect(await scorings()).toBe(known);
      expect(later.text).not.toContain('mice.states');
    },
  );

  it('re-ranks each search of several by itself', async () => {
    const lines = [
      { index },
      { ...base, size: 2 },
      {},
      { query: { match_all: {} }, size: 1 },
      { index: 'no-such-index' },
      base,
      { index },
      { ...base, nonsense: 1 },
      { index },
      { ...base, from: 1, docvalue_fields: ['n'] },
    ];
    const body = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const options = { body, headers: { 'content-type': 'application/x-ndjson' } };
    const path = `/${index}/_msearch?typed_keys`;
    const direct = await raw(engine.url, path, options);
    const answer = await raw(proxy.url, path, options);
    expect(answer.status).toBe(direct.status);
    if (direct.status !== 200) {
      expect(answer.headers['x-mice']).toBe('skipped; reason=upstream-status');
      expect(parse(answer.text)).toEqual(parse(direct.text));
      return;
    }
    const [got, own] = [answer, direct].map(({ text }) => parse(text)['responses'] as Answer[]);
    const verdicts = answer.headers['x-mice']!.split(', ').map((one) => one.replace(/(?<=^reranked).*/, ''));
    expect(verdicts).toEqual([
      'reranked',
      'skipped; reason=no-query-text',
      'skipped; reason=upstream-status',
      'skipped; reason=upstream-status',
      'reranked',
    ]);
    expect(ids(got![0]!)![0]).toBe('move');
    for (const at of [1, 2, 3]) expect({ ...got![at], took: 0 }).toEqual({ ...own![at], took: 0 });
    const whole = parse((await raw(proxy.url, `/${index}/_search`, { body: JSON.stringify(base) })).text);
    expect(ids(got![4]!)).toEqual(ids(whole)!.slice(1));
    expect(answer.text).not.toContain('mice.states');
  });

  it('re-ranks several searches of one request', async () => {
    const body = `{}\n${JSON.stringify(base)}\n{"index":"no-such-index"}\n${JSON.stringify(base)}\n`;
    const path = `/${index}/_msearch?rest_total_hits_as_int=true`;
    const answer = await raw(proxy.url, path, { body });
    const direct = await raw(engine.url, path, { body });
    const [got, own] = [answer, direct].map(({ text }) => parse(text)['responses'] as Answer[]);
    expect(answer.headers['x-mice']).toMatch(/^reranked; .*, skipped; reason=upstream-status$/);
    expect(ids(got![0]!)![0]).toBe('move');
    expect(unordered(got![0]!)).toEqual(unordered(own![0]!));
    expect(got![1]).toEqual(own![1]);
  });

  it('filters several searches as the caller asked', async () => {
    const none = { query: { match: { text: 'nowhere' } } };
    const all = { query: { match_all: {} }, size: 2 };
    const body = `${[{}, base, {}, none, {}, all].map((line) => JSON.stringify(line)).join('\n')}\n`;
    for (const filter of [
      'responses.hits.hits._id',
      'responses.hits.hits._source,responses.hits.total',
      '-took',
    ]) {
      const path = `/${index}/_msearch?filter_path=${filter}`;
      const [answer, direct] = [await raw(proxy.url, path, { body }), await raw(engine.url, path, { body })];
      expect(answer.headers['x-mice']).toMatch(
        /^reranked.*, skipped; reason=no-hits, skipped; reason=no-query-text$/,
      );
      const [got, own] = [answer, direct].map(({ text }) => parse(text)['responses'] as Answer[]);
      const bare = (one: Answer) => unordered({ ...one, took: 0 });
      expect(got!.map(bare)).toEqual(own!.map(bare));
      expect(answer.text).not.toContain('mice.states');
    }
  });

  it('renders templates where the engine does, and gives its error where it does not', async () => {
    const template = {
      source: '{"query":{"match":{"text":"{{q}}"}},"size":{{size}}{{^size}}10{{/size}}}',
      params: { q: question, size: 3 },
    };
    const path = `/${index}/_search/template?typed_keys`;
    const body = JSON.stringify(template);
    const direct = await raw(engine.url, path, { body });
    const answer = await raw(proxy.url, path, { body });
    expect(answer.status).toBe(direct.status);
    const many = `{}\n${body}\n{}\n${body}\n`;
    const several = await raw(proxy.url, `/${index}/_msearch/template`, { body: many });
    if (engine.name === 'elasticsearch') {
      expect(answer.headers['x-mice']).toBe('skipped; reason=template');
      expect(parse(answer.text)).toEqual(parse(direct.text));
      return;
    }
    expect(answer.headers['x-mice']).toMatch(/^reranked/);
    expect(ids(parse(answer.text))![0]).toBe('move');
    expect(ids(parse(answer.text))).toHaveLength(3);
    expect(several.headers['x-mice']).toMatch(/^reranked.*, reranked/);
    for (const one of parse(several.text)['responses'] as Answer[])
      expect(ids(one)).toEqual(ids(parse(answer.text)));
  });

  it('answers in shadow as the cluster does', async () => {
    const body = JSON.stringify({ ...base, size: 3 });
    const direct = parse((await raw(engine.url, `/${index}/_search`, { body })).text);
    const answer = await raw(proxy.url, `/${index}/_search`, {
      body,
      headers: { 'x-mice': 'shadow', 'x-mice-explain': 'true' },
    });
    expect(answer.headers['x-mice']).toMatch(/^shadow; .*overlap=[\d.]+; tau=-?[\d.]+$/);
    expect({ ...parse(answer.text), took: 0 }).toEqual({ ...direct, took: 0 });
  });

  describe.runIf(engine.name === 'elasticsearch')('on Elasticsearch alone', () => {
    it('gives the error of a build without asynchronous searches', async () => {
      const path = `/${index}/_async_search?wait_for_completion_timeout=30s`;
      const direct = await raw(engine.url, path, { body: JSON.stringify(base) });
      const answer = await raw(proxy.url, path, { body: JSON.stringify(base) });
      expect(answer.status).toBe(direct.status);
      expect(answer.headers['x-mice']).toBe('skipped; reason=upstream-status');
    });

    describe('whose asynchronous searches come from a front of the suite', () => {
      const front = asyncFront(engine);
      const asynchronous = proxyBefore(front);

      it.each([
        undefined,
        'response.hits.hits._id',
        'response.hits.hits._source,is_running',
        'response.took,response.hits.total,response.hits.hits._source.title',
        'response.hits.hits.highlight.text',
        'response.hits.hits.highlight.title',
        '-response.hits.hits._source,-response._shards,-is_partial',
        'response.hits.hits._id,-response.hits.hits._source',
      ])('shows of them what the caller asked for: filter_path=%s', async (filter) => {
        const path = `/${index}/_async_search?wait_for_completion_timeout=30s${filter ? `&filter_path=${filter}` : ''}`;
        const body = JSON.stringify({ ...base, highlight: { fields: { text: {}, title: {} } } });
        const direct = await raw(front.url, path, { body });
        const answer = await raw(asynchronous.url, path, { body });
        expect(answer.headers['x-mice']).toMatch(/^reranked; window=\d+; scored=[1-9]/);
        const [got, own] = [parse(answer.text), parse(direct.text)];
        const seen = ({ response = {}, ...around }: Answer) => [unordered(response as Answer), around];
        expect(seen(got)).toEqual(seen(own));
        expect('response' in got).toBe('response' in own);
        expect(answer.text).not.toContain('mice.states');
      });
    });

    it('re-ranks what a retriever finds', async () => {
      const standard = { standard: { query: base.query } };
      const answer = await raw(proxy.url, `/${index}/_search`, {
        body: JSON.stringify({ retriever: standard }),
      });
      expect(answer.headers['x-mice']).toMatch(/^reranked/);
      expect(ids(parse(answer.text))![0]).toBe('move');
      const sorted = { retriever: { standard: { ...standard.standard, sort: [{ n: 'desc' }] } } };
      const other = await raw(proxy.url, `/${index}/_search`, { body: JSON.stringify(sorted) });
      expect(other.headers['x-mice']).toBe('skipped; reason=sort');
    });
  });

  describe.runIf(engine.name === 'opensearch')('on OpenSearch alone', () => {
    it('re-ranks hybrid searches', async () => {
      const hybrid = {
        query: { hybrid: { queries: [{ match: { text: question } }, { match: { title: question } }] } },
      };
      const answer = await raw(proxy.url, `/${index}/_search`, { body: JSON.stringify(hybrid) });
      expect(answer.headers['x-mice']).toMatch(/^reranked/);
      expect(ids(parse(answer.text))![0]).toBe('move');
    });
  });
});
