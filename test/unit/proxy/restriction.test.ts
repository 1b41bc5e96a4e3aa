import { describe, expect, it } from 'vitest';
import { treeOf } from '../../../src/json/tree.ts';
import { restrictionOf } from '../../../src/proxy/restriction.ts';

const all = '{"match_all":{}}';
const ice = { match: { text: 'ice' } };
const term = { term: { tenant: 9007199254740993n } };

/** JSON with whole numbers as long as they are. */
const json = (value: unknown) =>
  JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `#${one}#` : one)).replace(/"#(\d+)#"/g, '$1');

function restriction(
  query: unknown,
  asks: (field: string) => boolean = () => true,
  question = 'Ice',
): string | undefined {
  const body = Buffer.from(`{ "size":1, "query" : ${json(query)} }`);
  const node = treeOf(body).members!.find(({ key }) => key === 'query')!.value;
  return restrictionOf(body, node, question, asks).filter;
}

describe('what a query demands besides its words', () => {
  it.each([
    ice,
    { match_phrase: { text: { query: 'ice', slop: 1 } } },
    { multi_match: { query: 'ice', fields: ['title^2', 'text'] } },
    { query_string: { query: ' ice' } },
    { bool: { must: ice } },
    { bool: { must: [ice], should: [{ match: { title: 'ICE' } }], boost: 2 } },
    { bool: { should: [ice, ice], minimum_should_match: 2 } },
    { dis_max: { queries: [ice, { match: { title: 'ice' } }] } },
    { function_score: { query: ice, functions: [{ filter: { term: { new: true } }, weight: 2 }] } },
    { nested: { path: 'notes', query: { match: { 'notes.text': 'ice' } } } },
  ])('is nothing where it does nothing but ask: %j', (query) => {
    expect(restriction(query)).toBeUndefined();
  });

  it.each([
    [{ bool: { must: [ice, term] } }, `{"bool":{"must":[${all},${json(term)}]}}`],
    [{ bool: { must: ice, filter: [term] } }, `{"bool":{"must":${all},"filter":[${json(term)}]}}`],
    [{ bool: { must: ice, must_not: term } }, `{"bool":{"must":${all},"must_not":${json(term)}}}`],
    [{ bool: { must: ice, filter: ice } }, `{"bool":{"must":${all},"filter":${json(ice)}}}`],
    [
      { bool: { must: ice, should: [term, term], minimum_should_match: 1 } },
      `{"bool":{"must":${all},"should":[${json(term)},${json(term)}],"minimum_should_match":1}}`,
    ],
    [
      { bool: { should: [{ bool: { must: [ice, term] } }] } },
      `{"bool":{"should":[{"bool":{"must":[${all},${json(term)}]}}]}}`,
    ],
    [
      { nested: { path: 'p', query: { bool: { must: ice, filter: term } } } },
      `{"nested":{"path":"p","query":{"bool":{"must":${all},"filter":${json(term)}}}}}`,
    ],
  ])('is all that stands beside its words, numbers as they were written: %#', (query, filter) => {
    expect(restriction(query)).toBe(filter);
  });

  // Whoever searches must not see what a clause keeps from it, whatever kind of clause the caller took for that.
  it.each([
    { bool: { must: [ice, { match: { tenant: 'acme' } }] } },
    { bool: { must: [{ match: { text: 'acme ice' } }, { match: { tenant: 'acme' } }] } },
    { bool: { must: ice, should: [{ match: { tenant: 'acme' } }], minimum_should_match: 1 } },
    { query_string: { query: 'ice AND tenant:acme' } },
    { query_string: { query: 'ice -draft' } },
    { simple_query_string: { query: 'ice -draft' } },
    { match: { tenant: 7 } },
    { match: { year: '1987' } },
    { match: { text: { query: 'ice', boost: 0 } } },
    { bool: { must: { match: { tenant: 'acme' } }, boost: 0.0 } },
    { term: { tenant: 'acme' } },
    {
      intervals: { text: { match: { query: 'ice', filter: { not_containing: { match: { query: 'x' } } } } } },
    },
    { pinned: { ids: ['1'], organic: ice } },
    { wrapper: { query: 'eyJtYXRjaCI6e319' } },
    { bool: { filter: ice } },
    { bool: {} },
    { match: { a: 'ice' }, term: { b: 'x' } },
    { unheard_of: { query: ice } },
  ])('is all of it where a word may be a restriction: %j', (query) => {
    expect(restriction(query)).toBe(json(query));
  });

  it('is all of it where the caller states another question than its words', () => {
    expect(restriction(ice, undefined, 'rivers of ice')).toBe(json(ice));
  });

  it('keeps clauses without weight beside others', () => {
    const tenant = { bool: { must: { match: { tenant: 'acme' } }, boost: 0 } };
    expect(restriction({ bool: { must: [ice, tenant] } })).toBe(`{"bool":{"must":[${all},${json(tenant)}]}}`);
  });

  it('keeps clauses on fields that are no part of the question', () => {
    const onText = (field: string) => field === 'text';
    const tenant = { match: { tenant: 'acme' } };
    expect(restriction({ bool: { must: [ice, tenant] } }, onText)).toBe(
      `{"bool":{"must":[${all},${json(tenant)}]}}`,
    );
    expect(restriction(tenant, onText)).toBe(json(tenant));
  });
});
