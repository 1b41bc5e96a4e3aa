import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';
import type { Controls } from '../../../src/proxy/controls.ts';
import { planSearch, type RerankPlan, type SkipPlan } from '../../../src/proxy/plan.ts';

const settings = loadSettings({});
const match = { query: { match: { body: 'glaciers' } } };

function plan(body: unknown, path = '/i/_search', controls: Controls = {}): RerankPlan | SkipPlan {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return planSearch({ path, body: bytes, controls }, settings);
}

function reranked(body: unknown, path?: string, controls?: Controls): RerankPlan {
  const made = plan(body, path, controls);
  if (made.kind !== 'rerank') throw new Error(`skipped: ${made.reason}`);
  return made;
}

describe('a search that asks in words', () => {
  it('asks the cluster for the window and the states, in the URL, and sends its body as it came', () => {
    const body = '{ "query": {"match":{"n": 9007199254740993}} , "size":3}';
    const made = reranked(body);
    expect(made.widenedPath).toBe('/i/_search?from=0&size=100&docvalue_fields=mice.states');
    expect(made.body.toString()).toBe(body);
    expect(made).toMatchObject({ from: 0, size: 3, window: 100, queryText: '9007199254740992' });
  });

  it('keeps the parameters and doc-value fields of the caller', () => {
    expect(reranked(match, '/i/_search?routing=a%20b&docvalue_fields=date&size=5').widenedPath).toBe(
      '/i/_search?routing=a+b&docvalue_fields=date%2Cmice.states&size=100&from=0',
    );
  });

  it('takes page and size from the URL before the body, as the engines do', () => {
    expect(reranked({ ...match, from: 5, size: 7 }, '/i/_search?size=9')).toMatchObject({ from: 5, size: 9 });
  });

  it('asks for a page that reaches over the window whole', () => {
    expect(reranked({ ...match, from: 95, size: 20 }).widenedPath).toContain('size=115');
  });

  it('reads the question from q, from the body, or from the caller, who is asked first', () => {
    expect(reranked('', '/i/_search?q=title:ice').queryText).toBe('ice');
    expect(reranked(match, '/i/_search', { query: 'rivers of ice' }).queryText).toBe('rivers of ice');
  });

  it('knows when documents come without their whole source', () => {
    expect(reranked(match).sourceIsWhole).toBe(true);
    expect(reranked({ ...match, _source: true }).sourceIsWhole).toBe(true);
    expect(reranked({ ...match, _source: ['title'] }).sourceIsWhole).toBe(false);
    expect(reranked({ ...match, _source: false }).sourceIsWhole).toBe(false);
    expect(reranked(match, '/i/_search?_source_excludes=body').sourceIsWhole).toBe(false);
  });
});

describe('a search that is left to the cluster', () => {
  it.each<[string, unknown, string, Controls?]>([
    ['off', match, '/i/_search', { mode: 'off' }],
    ['scroll', match, '/i/_search?scroll=1m'],
    ['search-after', { ...match, search_after: [1] }, '/i/_search'],
    ['sort', { ...match, sort: [{ date: 'desc' }] }, '/i/_search'],
    ['sort', match, '/i/_search?sort=date'],
    ['collapse', { ...match, collapse: { field: 'a' } }, '/i/_search'],
    ['rescore', { ...match, rescore: {} }, '/i/_search'],
    ['stored-fields', { ...match, stored_fields: '_none_' }, '/i/_search'],
    ['filter-path', match, '/i/_search?filter_path=took'],
    ['media-type', match, '/i/_search?format=yaml'],
    ['size-0', { ...match, size: 0 }, '/i/_search'],
    ['no-query-text', { query: { match_all: {} } }, '/i/_search'],
    ['no-query-text', '', '/i/_search'],
    ['beyond-window', { ...match, from: 100 }, '/i/_search'],
    ['unreadable-body', '{"query":', '/i/_search'],
    ['unreadable-body', '[1]', '/i/_search'],
  ])('%s: %j at %s', (reason, body, path, controls) => {
    expect(plan(body, path, controls)).toMatchObject({ kind: 'skip', reason });
  });
});

describe('ext.mice', () => {
  it('is cut out of the body, and ext with it when nothing else is there', () => {
    const body = '{"query":{"match":{"a":"x"}},"ext":{"mice":{"window":20}},"size":3}';
    expect(reranked(body).body.toString()).toBe('{"query":{"match":{"a":"x"}},"size":3}');
    expect(reranked(body).window).toBe(20);
  });

  it('leaves what others put into ext', () => {
    const body = '{"ext":{"mice":{"query":"y"},"other":1e400},"query":{"match":{"a":"x"}}}';
    expect(reranked(body).body.toString()).toBe('{"ext":{"other":1e400},"query":{"match":{"a":"x"}}}');
  });

  it('yields to the headers', () => {
    const body = { ...match, ext: { mice: { window: 20 } } };
    expect(reranked(body, '/i/_search', { window: 30 }).window).toBe(30);
  });

  it.each([
    [{ windw: 20 }, /ext\.mice has no key "windw"/],
    [{ window: 0 }, /ext\.mice\.window does not accept 0/],
    [{ mode: 'maybe' }, /ext\.mice\.mode/],
    ['on', /ext\.mice is not an object/],
  ])('refuses %j and says what is accepted', (mice, message) => {
    expect(() => plan({ ...match, ext: { mice } })).toThrow(message);
  });
});
