import { describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/config/options.ts';
import { loadSettings } from '../../../src/config/settings.ts';
import type { Controls } from '../../../src/proxy/controls.ts';
import { planSearch, planSubSearch, type RerankPlan, type SkipPlan } from '../../../src/proxy/plan.ts';

const settings = loadSettings({});
const match = { query: { match: { body: 'glaciers' } } };

function plan(
  body: unknown,
  path = '/i/_search',
  controls: Controls = {},
  given: Partial<Settings> = {},
): RerankPlan | SkipPlan {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const [, index] = /^\/([^/_][^/]*)\//.exec(path) ?? [];
  return planSearch({ path, body: bytes, controls, index }, { ...settings, ...given });
}

function reranked(body: unknown, path?: string, controls?: Controls, given?: Partial<Settings>): RerankPlan {
  const made = plan(body, path, controls, given);
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
      '/i/_search?routing=a%20b&from=0&size=100&docvalue_fields=date%2Cmice.states',
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
    ['sort', { ...match, sort: ['_score', { date: 'desc' }] }, '/i/_search'],
    ['sort', { ...match, sort: { _score: 'asc' } }, '/i/_search'],
    ['sort', { retriever: { standard: { ...match, sort: ['date'] } } }, '/i/_search'],
    ['search-after', { retriever: { standard: { ...match, search_after: [1] } } }, '/i/_search'],
    ['rescore', { retriever: { rescorer: { retriever: { standard: match } } } }, '/i/_search'],
    ['collapse', { retriever: { standard: { ...match, collapse: { field: 'a' } } } }, '/i/_search'],
    ['point-in-time', { ...match, pit: { id: 'x' } }, '/_search'],
    ['page', { ...match, size: -1 }, '/i/_search'],
    ['page', { ...match, from: 1.5 }, '/i/_search'],
    ['page', match, '/i/_search?size=ten'],
    ['collapse', { ...match, collapse: { field: 'a' } }, '/i/_search'],
    ['rescore', { ...match, rescore: {} }, '/i/_search'],
    ['profile', { ...match, profile: true }, '/i/_search'],
    ['stored-fields', { ...match, stored_fields: '_none_' }, '/i/_search'],
    ['stored-fields', match, '/i/_search?stored_fields=_none_'],
    ['filter-path', match, '/i/_search?filter_path=took'],
    ['filter-path', match, '/i/_search?filter_path=-hits.hits._id'],
    ['media-type', match, '/i/_search?format=yaml'],
    ['size-0', { ...match, size: 0 }, '/i/_search'],
    ['no-query-text', { query: { match_all: {} } }, '/i/_search'],
    ['no-query-text', '', '/i/_search'],
    ['no-query-text', match, '/i/_search?q=*'],
    ['beyond-window', { ...match, from: 100 }, '/i/_search'],
    ['unreadable-body', '{"query":', '/i/_search'],
    ['unreadable-body', '[1]', '/i/_search'],
  ])('%s: %j at %s', (reason, body, path, controls) => {
    expect(plan(body, path, controls)).toMatchObject({ kind: 'skip', reason });
  });
});

describe('a search that is like one without a sort', () => {
  it.each([['_score'], [['_score']], [[{ _score: 'desc' }]], [{ _score: { order: 'desc' } }], [[]]])(
    'sort: %j',
    (sort) => {
      expect(plan({ ...match, sort }).kind).toBe('rerank');
    },
  );
});

describe('the window', () => {
  it('is at most what an engine that ranks by itself gives', () => {
    const rrf = { rrf: { retrievers: [{ standard: match }], rank_window_size: 30 } };
    expect(reranked({ retriever: rrf })).toMatchObject({ window: 30, hits: 30 });
    expect(reranked({ sub_searches: [match], rank: { rrf: { rank_window_size: 40 } } })).toMatchObject({
      window: 40,
      hits: 40,
    });
  });

  it('has the same basis for every page of a search, and another for another search', () => {
    const basis = (body: unknown, path?: string) => reranked(body, path).basis;
    const first = basis({ ...match, size: 5 });
    expect(basis({ ...match, size: 5, from: 5 })).toBe(first);
    expect(basis(match, '/i/_search?from=20&size=7')).toBe(first);
    for (const other of [
      basis({ ...match, min_score: 1 }),
      basis(match, '/j/_search'),
      basis(match, '/i/_search?routing=a'),
      basis({ ...match, ext: { mice: { window: 20 } } }),
      basis({ ...match, ext: { mice: { query: 'x' } } }),
      basis({ ...match, ext: { mice: { fields: ['x'] } } }),
    ])
      expect(other).not.toBe(first);
  });
});

describe('what the caller sees of a hit', () => {
  it('keeps states that it asked for itself', () => {
    for (const asked of [['mice.states'], [{ field: 'mice.*' }], ['*']]) {
      const made = reranked({ ...match, docvalue_fields: asked });
      expect(made.difference.keepStates).toBe(true);
      expect(made.widenedPath).toBe(made.windowPath);
    }
    expect(reranked(match, '/i/_search?docvalue_fields=mice.states').difference.keepStates).toBe(true);
    expect(reranked({ ...match, docvalue_fields: ['mice.hash'] }).difference.keepStates).toBe(false);
  });

  it('is what its filter leaves, with what is needed to know the hit asked for on top', () => {
    const made = reranked(match, '/i/_search?filter_path=took,hits.hits._id,hits.hits._source');
    expect(made.difference.hidden).toEqual(['_index', '_routing']);
    expect(made.sourceIsWhole).toBe(true);
    expect(decodeURIComponent(made.widenedPath)).toContain(
      'filter_path=took,hits.hits._id,hits.hits._source,hits.hits._index,hits.hits._id,hits.hits._routing,hits.hits.fields.mice\\.states',
    );
  });

  it('has no source where stored fields are asked for, unless it is asked for too', () => {
    expect(reranked({ ...match, stored_fields: ['a'] }).sourceIsWhole).toBe(false);
    expect(reranked({ ...match, stored_fields: ['a'], _source: true }).sourceIsWhole).toBe(true);
    expect(reranked(match, '/i/_search?stored_fields=a').sourceIsWhole).toBe(false);
  });
});

describe('a body in the URL', () => {
  const source = (body: unknown) =>
    `source_content_type=application/json&source=${encodeURIComponent(JSON.stringify(body))}`;

  it('is read where there is no other', () => {
    expect(reranked('', `/i/_search?${source(match)}`).queryText).toBe('glaciers');
    expect(plan({ query: { match_all: {} } }, `/i/_search?${source(match)}`).kind).toBe('skip');
  });

  it('loses what is ours', () => {
    const ours = { ...match, ext: { mice: { window: 20 } } };
    const made = reranked('', `/i/_search?${source(ours)}`);
    expect(made.window).toBe(20);
    expect(made.body).toHaveLength(0);
    expect(decodeURIComponent(made.widenedPath)).toContain(`source=${JSON.stringify(match)}`);
    const skipped = plan('', `/i/_search?${source({ ...ours, sort: ['a'] })}`) as SkipPlan;
    expect(skipped.path).not.toContain('mice');
  });
});

describe('the rules for indices', () => {
  const rerankRules = [
    { index: 'off-*', mode: 'off' },
    { index: 'shop-*', window: 7, deadline: 50, fields: ['name'], question: ['title*'] },
    { index: '*', mode: 'shadow' },
  ] as const;
  const ruled = (path: string, controls?: Controls) => plan(match, path, controls, { rerankRules });

  it('hold where they fit every index of the request; the first one does', () => {
    expect(ruled('/off-1/_search')).toMatchObject({ kind: 'skip', reason: 'off' });
    expect(ruled('/off-1,off-*/_search')).toMatchObject({ kind: 'skip' });
    expect(ruled('/off-1,a/_search')).toMatchObject({ kind: 'rerank', shadow: true });
    expect(ruled('/_search')).toMatchObject({ kind: 'rerank', shadow: true });
    const body = { query: { bool: { must: [{ match: { 'title.en': 'ice' } }, { match: { brand: 'x' } }] } } };
    expect(plan(body, '/shop-a/_search', {}, { rerankRules })).toMatchObject({
      window: 7,
      deadlineMs: 50,
      textFields: ['name'],
      queryText: 'ice',
      shadow: false,
    });
  });

  it('yield to the controls of a request', () => {
    expect(ruled('/off-1/_search', { mode: 'on', window: 3 })).toMatchObject({ kind: 'rerank', window: 3 });
  });
});

describe('the share of the traffic', () => {
  const asked = (rerankShare: number, controls: Controls = {}) =>
    plan(match, '/i/_search', controls, { rerankShare });

  it('is decided by the bucket, or else the question, always alike', () => {
    expect(asked(0)).toMatchObject({ kind: 'skip', reason: 'share' });
    expect(asked(100).kind).toBe('rerank');
    const users = Array.from({ length: 400 }, (_, at) => asked(25, { bucket: `user ${at}` }).kind);
    const within = users.filter((kind) => kind === 'rerank').length;
    expect(within).toBeGreaterThan(60);
    expect(within).toBeLessThan(140);
    expect(users).toEqual(users.map((_, at) => asked(25, { bucket: `user ${at}` }).kind));
  });

  it('does not hold for a search that says what it wants', () => {
    expect(asked(0, { mode: 'on' }).kind).toBe('rerank');
  });
});

describe('one search of several', () => {
  const whole = { target: { path: '/_msearch', parameters: [] }, header: Buffer.from('{}') };
  const sub = (body: string, given: Partial<Settings> = {}) =>
    planSubSearch({ ...whole, body: Buffer.from(body), index: 'i', controls: {} }, { ...settings, ...given });

  it('asks for the window in its body', () => {
    const made = sub('{"query":{"match":{"n":9007199254740993}},"size":3,"from":1}');
    expect(made).toMatchObject({ kind: 'rerank', from: 1, size: 3 });
    expect((made as { widenedBody: Buffer }).widenedBody.toString()).toBe(
      '{"from":0,"size":100,"docvalue_fields":["mice.states"],"query":{"match":{"n":9007199254740993}}}',
    );
  });

  it.each([
    [
      '{"query":{"match":{"a":"x"}},"docvalue_fields":["d"]}',
      '{"from":0,"size":100,"query":{"match":{"a":"x"}},"docvalue_fields":["mice.states","d"]}',
    ],
    [
      '{"docvalue_fields":[ ],"query":{"match":{"a":"x"}}}',
      '{"from":0,"size":100,"docvalue_fields":["mice.states" ],"query":{"match":{"a":"x"}}}',
    ],
    [
      '{ "size" : 5 , "query":{"match":{"a":"x"}}}',
      '{"from":0,"size":100,"docvalue_fields":["mice.states"], "query":{"match":{"a":"x"}}}',
    ],
  ])('%s → %s', (body, widened) => {
    const made = sub(body) as { widenedBody: Buffer };
    expect(JSON.parse(made.widenedBody.toString())).toEqual(JSON.parse(widened));
    expect(made.widenedBody.toString()).toBe(widened);
  });

  it('is left as it is where it asks nothing in words, or what the cluster refuses', () => {
    expect(sub('{"query":{"match_all":{}}}')).toMatchObject({ kind: 'skip', reason: 'no-query-text' });
    expect(sub('')).toMatchObject({ kind: 'skip', reason: 'no-query-text' });
    expect(sub('{"query":{"match":{"a":"x"}},"docvalue_fields":"d"}')).toMatchObject({ kind: 'skip' });
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
