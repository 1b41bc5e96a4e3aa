import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { widenBody } from '../../../src/proxy/widen-body.ts';

const widened = (body: string, states: string | undefined = 'mice.states') =>
  widenBody(Buffer.from(body), 100, states)?.toString();

const member = fc.oneof(
  fc.tuple(fc.constantFrom('from', 'size'), fc.nat()),
  fc.tuple(
    fc.constant('docvalue_fields'),
    fc.array(fc.oneof(fc.string(), fc.dictionary(fc.string(), fc.string()))),
  ),
  fc.tuple(fc.string(), fc.jsonValue()),
);

describe('a body that asks for the window', () => {
  it('says so, and says all else as before', () => {
    const bodies = fc.uniqueArray(member, { selector: ([key]) => key }).map(Object.fromEntries);
    fc.assert(
      fc.property(bodies, fc.constantFrom(0, 1, '\t'), fc.boolean(), (body, space, withStates) => {
        const made = JSON.parse(widened(JSON.stringify(body, null, space), withStates ? 'x.y' : '')!);
        const { from, size, docvalue_fields: fields, ...rest } = made;
        const {
          from: _from,
          size: _size,
          docvalue_fields: asked = [],
          ...own
        } = JSON.parse(JSON.stringify(body));
        expect([from, size]).toEqual([0, 100]);
        expect(fields).toEqual([withStates ? 'x.y' : '', ...asked]);
        expect(rest).toEqual(own);
      }),
    );
  });

  it.each([
    ['', '{"from":0,"size":100,"docvalue_fields":["mice.states"]}'],
    [' {} ', ' {"from":0,"size":100,"docvalue_fields":["mice.states"]} '],
    ['{"size":1e1,"x":1e400}', '{"from":0,"size":100,"docvalue_fields":["mice.states"],"x":1e400}'],
    ['{"x":"\\u0022}","from":3}', '{"from":0,"size":100,"docvalue_fields":["mice.states"],"x":"\\u0022}"}'],
  ])('keeps the bytes of %j', (body, wide) => {
    expect(widened(body)).toBe(wide);
  });

  it('asks for no states where the caller does', () => {
    expect(widenBody(Buffer.from('{"a":1}'), 7, undefined)!.toString()).toBe('{"from":0,"size":7,"a":1}');
  });

  it('is none where doc-value fields are no list, which the cluster refuses', () => {
    expect(widened('{"docvalue_fields":"a"}')).toBeUndefined();
  });
});
