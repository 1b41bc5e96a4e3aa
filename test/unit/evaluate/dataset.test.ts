import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleQueries } from '../../../src/evaluate/dataset.ts';

const queriesOf = (ids: readonly string[]) => ids.map((id) => ({ id, text: id, grades: new Map() }));
const ids = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 40 });

test('a sample has the wanted size, keeps the order and lies in every larger sample', () => {
  fc.assert(
    fc.property(ids, fc.nat(50), fc.nat(50), (all, a, b) => {
      const queries = queriesOf(all);
      const [small, large] = [sampleQueries(queries, Math.min(a, b)), sampleQueries(queries, Math.max(a, b))];
      expect(small).toHaveLength(Math.min(a, b, all.length));
      expect(large.filter((query) => small.includes(query))).toEqual(small);
      expect(queries.filter((query) => large.includes(query))).toEqual(large);
    }),
  );
});

test('a sample is the same on every machine', () => {
  const queries = queriesOf(Array.from({ length: 12 }, (_, at) => `q${at}`));
  expect(sampleQueries(queries, 4).map(({ id }) => id)).toEqual(['q0', 'q4', 'q5', 'q7']);
});
