import { describe, expect, it } from 'vitest';
import { vectorClause as elasticsearch } from '../../../src/engine/elasticsearch/vector-search.ts';
import { vectorClause as opensearch } from '../../../src/engine/opensearch/vector-search.ts';
import type { VectorClause } from '../../../src/engine/port.ts';
import { printVector, vectorTextsIn, withVectors } from '../../../src/proxy/vector-texts.ts';

const textsIn = (body: unknown, clause: VectorClause) =>
  vectorTextsIn(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), clause).map(
    ({ text }) => text,
  );

function put(body: string, clause: VectorClause): string {
  const bytes = Buffer.from(body);
  const texts = vectorTextsIn(bytes, clause);
  return withVectors(
    bytes,
    texts,
    texts.map((_, at) => Float32Array.of(at, 0.5)),
    clause,
  ).toString();
}

describe('a text where a vector belongs', () => {
  it('is replaced by the vector, and every other byte stays', () => {
    expect(
      put(
        '{ "size" : 9007199254740993, "knn":{"k":3 , "query_text" : "i\\u0063e", "field":"v"}}',
        elasticsearch,
      ),
    ).toBe('{ "size" : 9007199254740993, "knn":{"k":3 , "query_vector":[0,0.5], "field":"v"}}');
    expect(put('{"query":{"knn":{"v":{"query_text":"ice","k":10000000000000001}}}}', opensearch)).toBe(
      '{"query":{"knn":{"v":{"vector":[0,0.5],"k":10000000000000001}}}}',
    );
  });

  it('may stand in any number of clauses, at any depth', () => {
    const knn = { field: 'v', query_text: 'a' };
    const body = {
      knn: [knn, { ...knn, query_text: 'b' }],
      query: { bool: { must: [{ nested: { query: { knn: { ...knn, query_text: 'c' } } } }] } },
      retriever: { rrf: { retrievers: [{ knn: { ...knn, query_text: 'd' } }] } },
    };
    expect(textsIn(body, elasticsearch)).toEqual(['a', 'b', 'c', 'd']);
    expect(textsIn({ query: { hybrid: { queries: [{ knn: { v: knn } }] } } }, opensearch)).toEqual(['a']);
  });

  it('is only what stands in a knn clause of the engine itself', () => {
    const neural = { query: { neural: { knn: { query_text: 'a', model_id: 'm' } } } };
    expect(textsIn(neural, opensearch)).toEqual([]);
    const data = { knn: { field: 'v', query_text: 'a', v: { query_text: 'b' } } };
    for (const clause of [elasticsearch, opensearch]) {
      expect(textsIn({ script_fields: { f: { script: { params: data } } }, ext: data }, clause)).toEqual([]);
      expect(textsIn({ query: { percolate: { document: data } } }, clause)).toEqual([]);
      expect(textsIn({ query: { match: { query_text: 'a' } } }, clause)).toEqual([]);
      expect(textsIn('{"knn":{"query_text"', clause)).toEqual([]);
      expect(textsIn({ knn: 'query_text', query: { knn: null } }, clause)).toEqual([]);
    }
  });

  it.each([
    { query_text: 'a', query_vector: [1] },
    { query_text: 'a', query_vector_builder: {} },
    { query_text: 7 },
    { query_text: ['a'] },
    { query_text: ' ' },
  ])('is refused where it is not the one thing that stands there: %j', (knn) => {
    expect(() => textsIn({ knn: { field: 'v', ...knn } }, elasticsearch)).toThrow(
      expect.objectContaining({ code: 'bad-query-text', hint: expect.stringContaining('"query_vector"') }),
    );
  });

  it('is refused where it stands there twice', () => {
    expect(() => textsIn('{"knn":{"query_text":"a","query_text":"b"}}', elasticsearch)).toThrow(/query_text/);
  });
});

it('a vector is printed by few digits, of which the same numbers are read', () => {
  const vector = Float32Array.from({ length: 1000 }, (_, at) => Math.sin(at) * 10 ** ((at % 20) - 12));
  expect(Float32Array.from(JSON.parse(printVector(vector)))).toEqual(vector);
});
