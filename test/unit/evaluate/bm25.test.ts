import { describe, expect, test } from 'vitest';
import { dialects } from '../../../src/engine/connect.ts';
import { bm25Search, indexBody, storedRunSearch } from '../../../src/evaluate/bm25.ts';

describe('an index for an evaluation', () => {
  test('has one shard and the constants of BM25', () => {
    expect(indexBody(dialects.opensearch, 'standard')).toMatchObject({
      settings: {
        index: {
          number_of_shards: 1,
          number_of_replicas: 0,
          similarity: { default: { type: 'BM25', k1: 0.9, b: 0.4 } },
          analysis: { analyzer: { default: { type: 'standard', stopwords: '_english_' } } },
        },
      },
      mappings: { properties: { title: { type: 'text' }, text: { type: 'text' } } },
    });
  });

  test.each(['opensearch', 'elasticsearch'] as const)(
    'keeps what %s needs for vectors and states',
    (name) => {
      const fields = { object: 'mice', vectorDims: 4 };
      const own = dialects[name].indexBody(fields);
      const body = indexBody(dialects[name], 'english', fields);
      expect(body).toMatchObject(own as object);
      expect(body.mappings['properties']).toHaveProperty('text');
    },
  );
});

test('a search asks both fields and no source', () => {
  expect(bm25Search('deep sea')).toMatchObject({
    size: 100,
    _source: false,
    query: { multi_match: { query: 'deep sea', fields: ['title^1', 'text'] } },
  });
});

describe('a stored run', () => {
  test('gives every candidate a score that falls by one from rank to rank', () => {
    const { query } = storedRunSearch(['b', 'a']);
    expect(query).toEqual({
      bool: {
        should: [
          { constant_score: { filter: { ids: { values: ['b'] } }, boost: 2 } },
          { constant_score: { filter: { ids: { values: ['a'] } }, boost: 1 } },
        ],
      },
    });
  });

  test('without candidates matches nothing', () => {
    expect(storedRunSearch([])).toMatchObject({ query: { match_none: {} } });
  });
});
