import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuse } from '../../../src/proxy/fuse.ts';
import { fusedAnswer } from '../../../src/proxy/fused-answer.ts';
import { findHits } from '../../../src/proxy/hits.ts';

function answer(from: string, ids: readonly string[], space = 0) {
  const hits = ids.map((_id, at) => ({ _index: 'i', _id, _score: 50.5 - at, _source: { from } }));
  const whole = {
    took: 1,
    hits: { total: { value: 3 }, max_score: ids.length ? 50.5 : null, hits },
    aggs: from,
  };
  const bytes = Buffer.from(JSON.stringify(whole, null, space));
  return { answer: bytes, places: findHits(bytes, 'mice.states') };
}

const read = (bytes: Buffer) => JSON.parse(bytes.toString());
const idsOf = (bytes: Buffer): string[] => read(bytes).hits.hits.map(({ _id }: { _id: string }) => _id);
const idList = fc.uniqueArray(fc.constantFrom(...'abcdefghijklmnop'), { maxLength: 12 });

describe('an answer fused with that of a search by vector', () => {
  it('has the neighbours first, or both by reciprocal ranks, and then the rest in its own order', () => {
    fc.assert(
      fc.property(
        idList,
        idList,
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom(0, 2),
        (own, near, window, space) => {
          fc.pre(near.length > 0);
          const [mine, neighbours] = [answer('own', own, space), answer('near', near, space)];
          const rest = (first: readonly string[]) => [...first, ...own.filter((id) => !first.includes(id))];
          expect(idsOf(fusedAnswer('vector', mine, neighbours, window))).toEqual(rest(near.slice(0, window)));
          const fused = fuse([own.slice(0, window), near.slice(0, window)], window);
          const hybrid = fusedAnswer('hybrid', mine, neighbours, window);
          expect(idsOf(hybrid)).toEqual(rest(fused));
          const { hits, ...others } = read(hybrid);
          expect({ ...others, total: hits.total }).toEqual({ took: 1, aggs: 'own', total: { value: 3 } });
          for (const { _id, _source } of hits.hits)
            expect(_source.from).toBe(own.includes(_id) ? 'own' : 'near');
          // White space stays regular: what is printed again is the same.
          expect(hybrid.toString()).toBe(JSON.stringify(read(hybrid), null, space));
        },
      ),
    );
  });

  it('says by which scores it is in this order', () => {
    const [own, near] = [answer('own', ['a', 'b', 'c']), answer('near', ['c', 'd'])];
    const scores = (bytes: Buffer) => read(bytes).hits.hits.map(({ _score }: { _score: number }) => _score);
    expect(scores(fusedAnswer('vector', own, near, 3))).toEqual([50.5, 49.5, 50.5, 49.5]);
    const hybrid = fusedAnswer('hybrid', own, near, 3);
    expect(idsOf(hybrid)).toEqual(['c', 'a', 'b']);
    expect(scores(hybrid)).toEqual([0.03226646, 0.01639344, 0.01612903]);
    expect(read(hybrid).hits.max_score).toBe(0.03226646);
  });
});
