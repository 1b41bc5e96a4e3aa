import { describe, expect, it } from 'vitest';
import { plainQueryString } from '../../../src/proxy/query-string.ts';
import { queryTextOf } from '../../../src/proxy/query-text.ts';

const q = 'how do glaciers move';

/** Query → the question in it; undefined where it asks nothing in words. */
const table: readonly (readonly [title: string, body: unknown, text: string | undefined])[] = [
  ['match, short', { query: { match: { body: q } } }, q],
  ['match, long', { query: { match: { body: { query: q, operator: 'and' } } } }, q],
  ['match_phrase', { query: { match_phrase: { body: q } } }, q],
  ['match_phrase_prefix', { query: { match_phrase_prefix: { body: { query: q } } } }, q],
  ['match_bool_prefix', { query: { match_bool_prefix: { body: q } } }, q],
  ['multi_match', { query: { multi_match: { query: q, fields: ['title', 'body'] } } }, q],
  ['combined_fields', { query: { combined_fields: { query: q, fields: ['title'] } } }, q],
  [
    'query_string',
    { query: { query_string: { query: 'title:(glaciers AND move)^2 -ice' } } },
    'glaciers move',
  ],
  [
    'simple_query_string',
    { query: { simple_query_string: { query: '"glaciers move" +fast | slow' } } },
    'glaciers move fast slow',
  ],
  [
    'bool: must and should ask, each text once',
    {
      query: { bool: { must: { match: { a: q } }, should: [{ match: { b: q } }, { match: { b: 'ice' } }] } },
    },
    `${q} ice`,
  ],
  [
    'bool: filter and must_not do not ask',
    { query: { bool: { filter: [{ match: { a: 'public' } }], must_not: { match: { a: 'draft' } } } } },
    undefined,
  ],
  ['dis_max', { query: { dis_max: { queries: [{ match: { a: q } }, { match: { b: q } }] } } }, q],
  ['function_score', { query: { function_score: { query: { match: { a: q } }, functions: [] } } }, q],
  ['script_score', { query: { script_score: { query: { match: { a: q } }, script: { source: '1' } } } }, q],
  ['constant_score', { query: { constant_score: { filter: { match: { a: q } } } } }, q],
  [
    'boosting: the positive part asks',
    { query: { boosting: { positive: { match: { a: q } }, negative: { match: { a: 'no' } } } } },
    q,
  ],
  ['nested', { query: { nested: { path: 'p', query: { bool: { must: [{ match: { 'p.t': q } }] } } } } }, q],
  ['has_child', { query: { has_child: { type: 'c', query: { match: { t: q } } } } }, q],
  [
    'hybrid',
    { query: { hybrid: { queries: [{ match: { a: q } }, { knn: { v: { vector: [1], k: 3 } } }] } } },
    q,
  ],
  ['neural', { query: { neural: { v: { query_text: q, k: 10 } } } }, q],
  ['semantic', { query: { semantic: { field: 'body', query: q } } }, q],
  ['knn beside a query', { query: { match: { a: q } }, knn: { field: 'v', query_vector: [1], k: 3 } }, q],
  [
    'knn whose text the engine encodes',
    { knn: { field: 'v', k: 3, query_vector_builder: { text_embedding: { model_id: 'm', model_text: q } } } },
    q,
  ],
  ['retriever, standard', { retriever: { standard: { query: { match: { a: q } } } } }, q],
  [
    'retriever tree, rrf',
    {
      retriever: {
        rrf: {
          retrievers: [
            { standard: { query: { match: { a: q } } } },
            { knn: { field: 'v', query_vector: [1], k: 3 } },
          ],
        },
      },
    },
    q,
  ],
  [
    'retriever tree, linear',
    {
      retriever: {
        linear: { retrievers: [{ retriever: { standard: { query: { match: { a: q } } } }, weight: 2 }] },
      },
    },
    q,
  ],
  ['a number as text', { query: { match: { year: 1987 } } }, '1987'],
  ['term asks nothing', { query: { term: { tag: 'a' } } }, undefined],
  ['match_all asks nothing', { query: { match_all: {} } }, undefined],
  ['a vector alone asks nothing', { knn: { field: 'v', query_vector: [1, 2], k: 3 } }, undefined],
  ['white space asks nothing', { query: { match: { a: '  ' } } }, undefined],
  ['a field named like a clause', { query: { match: { bool: q } } }, q],
  ['an empty body', {}, undefined],
  ['a malformed clause', { query: { bool: 'x', match: null } }, undefined],
];

describe('the question in a search', () => {
  it.each(table)('%s', (_, body, text) => {
    expect(queryTextOf(body)).toBe(text);
  });

  it('is found at any depth', () => {
    let query: unknown = { match: { a: q } };
    for (let depth = 0; depth < 200; depth++) query = { bool: { must: [query] } };
    expect(queryTextOf({ query })).toBe(q);
  });
});

describe('a Lucene query string', () => {
  it.each([
    ['plain words', 'plain words'],
    ['title:ice AND body:(melting fast)', 'ice melting fast'],
    ['ice -water NOT steam', 'ice'],
    ['"sea level" OR rise~2', 'sea level rise'],
    ['melt* wa?er', 'melt wa er'],
    ['year:[1990 TO 2000] ice', 'ice'],
    ['/reg[ex]/ ice', 'ice'],
    ['c\\+\\+ tips', 'c tips'],
    ['well-known fact', 'well-known fact'],
    ['', ''],
  ])('%s → %s', (query, words) => {
    expect(plainQueryString(query)).toBe(words);
  });

  it('stays linear on long adversarial input', () => {
    expect(plainQueryString('('.repeat(50_000))).toBe('');
    expect(plainQueryString('a:'.repeat(50_000)).length).toBeLessThan(100_001);
  });
});
