import { describe, expect, it } from 'vitest';
import { controlsOfHeaders } from '../../../src/proxy/controls.ts';
import { intercept } from '../../../src/proxy/intercept.ts';
import { orderOf } from '../../../src/proxy/order.ts';
import { verdictHeader } from '../../../src/proxy/verdicts.ts';

describe('a request is looked into by method and path', () => {
  it.each<[string, string, unknown]>([
    ['POST', '/_search', { kind: 'search', form: 'search', index: undefined }],
    ['GET', '/a,b*,-c/_search?q=x', { kind: 'search', form: 'search', index: 'a,b*,-c' }],
    ['POST', '/_all/_search', { kind: 'search', form: 'search', index: '_all' }],
    ['POST', '/*/_search/', { kind: 'search', form: 'search', index: '*' }],
    ['POST', '/far:a/_search', { kind: 'search', form: 'search', index: 'far:a' }],
    ['POST', '/%3Clogs-%7Bnow%7D%3E/_search', { kind: 'search', form: 'search', index: '<logs-{now}>' }],
    ['GET', '/_search/template', { kind: 'search', form: 'template', index: undefined }],
    ['POST', '/i/_search/template', { kind: 'search', form: 'template', index: 'i' }],
    ['POST', '/_msearch?typed_keys', { kind: 'search', form: 'multi', index: undefined }],
    ['GET', '/i/_msearch', { kind: 'search', form: 'multi', index: 'i' }],
    ['POST', '/_msearch/template', { kind: 'search', form: 'multi-template', index: undefined }],
    ['POST', '/i/_async_search', { kind: 'search', form: 'async', index: 'i' }],
    ['GET', '/_async_search/abc', { kind: 'pass' }],
    ['POST', '/_search/scroll', { kind: 'pass' }],
    ['PUT', '/_search/pipeline/p', { kind: 'pass' }],
    ['POST', '/i/_search/point_in_time', { kind: 'pass' }],
    ['POST', '/_render/template', { kind: 'pass' }],
    ['POST', '/_nodes/_search', { kind: 'pass' }],
    ['POST', '/_bulk?refresh', { kind: 'bulk', index: undefined }],
    ['PUT', '/my%20index/_bulk', { kind: 'bulk', index: 'my index' }],
    ['PUT', '/i/_doc/1', { kind: 'document', index: 'i' }],
    ['POST', '/i/_doc', { kind: 'document', index: 'i' }],
    ['POST', '/i/_create/a%2Fb', { kind: 'document', index: 'i' }],
    ['GET', '/_mice/', { kind: 'own' }],
    ['GET', '/_mice', { kind: 'own' }],
    ['GET', '/_micex', { kind: 'pass' }],
    ['GET', '/', { kind: 'pass' }],
    ['DELETE', '/i/_doc/1', { kind: 'pass' }],
    ['POST', '/i/_update/a%2Fb?routing=x', { kind: 'update', index: 'i', id: 'a/b' }],
    ['POST', '/_reindex?wait_for_completion=false', { kind: 'reindex' }],
    ['POST', '/i/_update_by_query', { kind: 'pass' }],
    ['POST', '/i/_delete_by_query', { kind: 'pass' }],
    ['GET', '/i/_update/1', { kind: 'pass' }],
    ['HEAD', '/i/_search', { kind: 'pass' }],
    ['POST', '/.kibana/_search', { kind: 'pass' }],
    ['PUT', '/.security/_doc/1', { kind: 'pass' }],
  ])('%s %s', (method, target, interception) => {
    expect(intercept(method, target)).toEqual(interception);
  });
});

describe('the controls of a search', () => {
  it('are read from headers, the question percent-encoded', () => {
    expect(
      controlsOfHeaders({
        'x-mice': 'on',
        'x-mice-window': '20',
        'x-mice-query': 'caf%C3%A9',
        'x-mice-fields': 'a,b',
        'x-mice-explain': 'true',
      }),
    ).toEqual({
      mode: 'on',
      window: 20,
      query: 'café',
      fields: ['a', 'b'],
      explain: true,
    });
  });

  it.each([
    ['x-mice', 'maybe', /on, off or shadow/],
    ['x-mice-window', '0', /1 to 10000/],
    ['x-mice-window', '1e9', /1 to 10000/],
    ['x-mice-query', '%E0%A4', undefined],
    ['x-mice-deadline', 'soon', /1 to 600000 ms/],
  ])('refuse %s: %s', (header, value, hint) => {
    const refused = expect.objectContaining({
      code: 'bad-option',
      ...(hint && { hint: expect.stringMatching(hint) }),
    });
    expect(() => controlsOfHeaders({ [header]: value })).toThrow(refused);
  });
});

describe('the order of a window', () => {
  const none = { kind: 'reciprocal-log2', weight: 0 } as const;

  it('is by score, ties as they came, then what has no score as it came', () => {
    const places = orderOf([1, undefined, 3, 1, undefined], none).map(({ place }) => place);
    expect(places).toEqual([2, 0, 3, 1, 4]);
  });

  it('adds weight / log2(1 + rank) of the first stage', () => {
    const [first, second] = orderOf([0, 0.5], { kind: 'reciprocal-log2', weight: 2 });
    expect(first).toEqual({ place: 0, score: 2 });
    expect(second!.score).toBeCloseTo(0.5 + 2 / Math.log2(3), 12);
  });
});

it('a verdict is one line that programs can read', () => {
  expect(verdictHeader({ outcome: 'skipped', reason: 'sort' })).toBe('skipped; reason=sort');
  expect(
    verdictHeader({
      outcome: 'degraded',
      reason: 'deadline',
      window: 9,
      scored: 3,
      model: 'm@1',
      tookMs: 11.7,
    }),
  ).toBe('degraded; reason=deadline; window=9; scored=3; model=m@1; took=12');
});
