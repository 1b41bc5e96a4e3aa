import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parameterIn,
  parseTarget,
  printTarget,
  withoutParameters,
  withParameters,
} from '../../../src/proxy/target.ts';

describe('a request target', () => {
  it('is printed as it came', () => {
    const piece = fc.string({ minLength: 1 }).map((text) => `p${text.replaceAll('&', '')}`);
    fc.assert(
      fc.property(fc.webPath(), fc.array(piece), (path, pieces) => {
        const target = pieces.length === 0 ? path : `${path}?${pieces.join('&')}`;
        expect(printTarget(parseTarget(target))).toBe(target);
      }),
    );
    expect(printTarget(parseTarget('/../a//b?x=%zz&y=a+b&z'))).toBe('/../a//b?x=%zz&y=a+b&z');
  });

  it('gives the last value of a parameter, decoded where it can be', () => {
    const target = parseTarget('/?a=1&a=2%2C3&b=x+y&c&d=%zz');
    expect(['a', 'b', 'c', 'd', 'e'].map((name) => parameterIn(target, name))).toEqual([
      '2,3',
      'x y',
      '',
      '%zz',
      undefined,
    ]);
  });

  it('exchanges parameters and leaves the others as they are written', () => {
    const target = parseTarget('/i/_search?size=1&q=a%20b&size=2');
    expect(printTarget(withParameters(target, { size: '3', x: 'a,b' }))).toBe(
      '/i/_search?q=a%20b&size=3&x=a%2Cb',
    );
    expect(printTarget(withoutParameters(target, ['q', 'size']))).toBe('/i/_search');
  });
});
