import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { wordsOf } from '../../../src/proxy/query-string.ts';
import { queryTextOf } from '../../../src/proxy/query-text.ts';

const q = 'how do glaciers move';

/** The rows of docs/query-text.md: a search body and the question in it. */
const rows = readFileSync(new URL('../../../docs/query-text.md', import.meta.url), 'utf8')
  .split('\n')
  .map((line) => /^\| `(\{.*\})` \| (?:`(.+)`|\*none\*) \|$/.exec(line))
  .filter((row) => row !== null)
  .map(([, body, question]) => [body!.replaceAll('\\|', '|'), question] as const);

describe('the question in a search', () => {
  it('is documented by many rows', () => {
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each(rows)('%s → %s', (body, question) => {
    expect(queryTextOf(JSON.parse(body))).toBe(question);
  });

  it('is not found where a clause is malformed, or named like what every object has', () => {
    expect(queryTextOf({ query: { bool: 'x', match: null, constructor: { query: q } } })).toBeUndefined();
    expect(queryTextOf({ retriever: [], knn: 'x', sub_searches: 3 })).toBeUndefined();
    expect(queryTextOf({ query: { match: { bool: q } } })).toBe(q);
  });

  it('is found at any depth that the engines accept, and no deeper', () => {
    const nested = (depth: number) => {
      let query: unknown = { match: { a: q } };
      for (let level = 0; level < depth; level++) query = { bool: { must: [query] } };
      return queryTextOf({ query });
    };
    expect(nested(200)).toBe(q);
    expect(nested(5000)).toBeUndefined();
  });

  it('is limited to a hundred texts', () => {
    const should = Array.from({ length: 1000 }, (_, at) => ({ match: { a: `w${at}` } }));
    expect(queryTextOf({ query: { bool: { should } } })!.split(' ')).toHaveLength(100);
  });

  it('can be limited to the clauses on some fields', () => {
    const onTitle = (query: unknown) => queryTextOf({ query }, (field) => field.startsWith('title'));
    const must = [{ match: { 'title.en': 'ice' } }, { match: { brand: 'acme' } }];
    expect(onTitle({ bool: { must } })).toBe('ice');
    expect(onTitle({ multi_match: { query: q, fields: ['brand', 'title^2'] } })).toBe(q);
    expect(onTitle({ multi_match: { query: q, fields: ['brand'] } })).toBeUndefined();
    expect(onTitle({ multi_match: { query: q } })).toBe(q);
    expect(onTitle({ query_string: { query: 'title:ice brand:acme snow' } })).toBe('ice snow');
  });
});

describe('the words of a query language', () => {
  it.each([
    ['plain words', 'plain words'],
    ['title:ice AND body:(melting fast)', 'ice melting fast'],
    ['ice -water NOT steam !fog', 'ice'],
    ['ice AND NOT (a b (c "d e")) f', 'ice f'],
    ['-title:draft ice', 'ice'],
    ['"sea level" OR rise~2', 'sea level rise'],
    ['melt* wa?er', 'melt'],
    ['how do - glaciers move?', 'how do glaciers move'],
    ['year:[1990 TO 2000] ice', 'ice'],
    ['date:{* TO now} ice', 'ice'],
    ['/reg[ex]/ ice', 'ice'],
    ['c\\+\\+ tips', 'c++ tips'],
    ['a "quoted \\"inner\\" text"', 'a quoted "inner" text'],
    ['unclosed "phrase goes on', 'unclosed phrase goes on'],
    ['unclosed (group [range', 'unclosed group range'],
    ['well-known fact', 'well-known fact'],
    ['note: this', 'note this'],
    ['氷河 は 動く', '氷河 は 動く'],
    ['', ''],
  ])('%s → %s', (query, words) => {
    expect(wordsOf(query)).toBe(words);
  });

  it('know no fields and no operators in words where the language has none', () => {
    expect(wordsOf('title:ice AND snow', 'simple')).toBe('title:ice AND snow');
    expect(wordsOf('a+b (c|d) "e f"~2 g* -h', 'simple')).toBe('a b c d e f g');
  });

  it.each(['(', '[', '{', '/', 'a:', '"', '\\', '-', '~', 'a*', '*', '&=', '!(', '[/'])(
    'are found in one pass over 100,000 × %s',
    (piece) => {
      for (const language of ['lucene', 'simple', 'kql'] as const) {
        const words = wordsOf(`${piece.repeat(100_000)} ice`, language);
        expect(words.length).toBeLessThan(500_000);
      }
    },
  );
});
