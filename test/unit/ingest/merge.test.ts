import { describe, expect, it } from 'vitest';
import { changesNothing, merged } from '../../../src/ingest/merge.ts';

describe('a partial document', () => {
  it('is merged by member into objects, and replaces all else', () => {
    expect(merged({ a: { b: 1, c: [1] }, d: 1 }, { a: { c: [2], e: null }, d: { f: 1 } })).toEqual({
      a: { b: 1, c: [2], e: null },
      d: { f: 1 },
    });
    const odd = merged({}, JSON.parse('{"__proto__":{"x":1}}'));
    expect(Object.keys(odd)).toEqual(['__proto__']);
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it.each<[string, string, boolean]>([
    ['{"a":1,"b":{"c":[1,{"d":2}]}}', '{"b":{"c":[1,{"d":2}]}}', true],
    ['{"a":1}', '{}', true],
    ['{"a":1}', '{"a":2}', false],
    ['{"a":1}', '{"b":null}', false],
    ['{"a":{"b":1}}', '{"a":{"c":1}}', false],
    ['{"a":[1]}', '{"a":[1,1]}', false],
    ['{"a":9223372036854775807}', '{"a":9223372036854775806}', false],
    ['{"a":9223372036854775807}', '{"a":9223372036854775807}', true],
    ['{"a":1}', '{"a":1.0}', false],
    ['{"a":0}', '{"a":-0}', true],
    ['{"a":0.0}', '{"a":-0.0}', false],
    ['{"a":100000.0}', '{"a":1E5}', true],
    ['{"a":"1"}', '{"a":1}', false],
  ])('%s with %s changes nothing: %s', (current, change, nothing) => {
    expect(changesNothing(current, change)).toBe(nothing);
  });
});
