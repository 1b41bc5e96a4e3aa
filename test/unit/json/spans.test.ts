import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cutsOf,
  elementsOf,
  endOfValue,
  endsWithin,
  membersOf,
  stringAt,
  without,
} from '../../../src/json/spans.ts';

const bytesOf = (text: string) => Buffer.from(text);

describe('JSON by byte spans', () => {
  it('agrees with a parser on the members of any object and the elements of any array', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(0, 1, '\t'),
        (object, space) => {
          const bytes = bytesOf(JSON.stringify(object, null, space));
          const read = membersOf(bytes, 0).map(({ key, value }) => [
            key,
            JSON.parse(bytes.toString('utf8', value.start, value.end)),
          ]);
          expect(read).toEqual(Object.entries(JSON.parse(bytes.toString())));
        },
      ),
    );
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (array) => {
        const bytes = bytesOf(JSON.stringify(array));
        expect(
          elementsOf(bytes, 0).map(({ start, end }) => JSON.parse(bytes.toString('utf8', start, end))),
        ).toEqual(JSON.parse(bytes.toString()));
      }),
    );
  });

  it('finds the end of strings that hold quotes, backslashes and brackets', () => {
    for (const inside of ['\\"', '\\\\', 'a\\\\\\"]}', '\ud83d\ude00', ''])
      for (let before = 0; before < 40; before++) {
        const text = `"${'x'.repeat(before)}${inside}"`;
        expect(endOfValue(bytesOf(`${text},"`), 0)).toBe(Buffer.byteLength(text));
      }
  });

  it('finds where containers end in one pass, as deep as it is asked, as one by one', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.integer({ min: 1, max: 4 }), (value, depth) => {
        const bytes = bytesOf(JSON.stringify(value));
        const ends = endsWithin(bytes, 0, depth);
        for (const [start, end] of ends) expect(endOfValue(bytes, start)).toBe(end);
        const within = (part: unknown, left: number): number =>
          left === 0 || typeof part !== 'object' || part === null
            ? 0
            : Object.values(part).reduce((sum, one) => sum + within(one, left - 1), 1);
        expect(ends.size).toBe(within(JSON.parse(bytes.toString()), depth));
        expect(elementsOf(bytes, 0, ends)).toEqual(elementsOf(bytes, 0));
      }),
    );
  });

  it('resolves escapes in keys and strings', () => {
    const bytes = bytesOf('{"\\u0061\\n":"\\u00e9"}');
    const [member] = membersOf(bytes, 0);
    expect(member!.key).toBe('a\n');
    expect(stringAt(bytes, member!.value)).toBe('é');
  });

  it('cuts any members and leaves JSON with the others', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
        fc.infiniteStream(fc.boolean()),
        fc.constantFrom(0, 1),
        (object, picks, space) => {
          const bytes = bytesOf(JSON.stringify(object, null, space));
          const members = membersOf(bytes, 0);
          const gone = members.filter(() => picks.next().value);
          const rest = without(bytes, cutsOf(members, gone));
          expect(Object.entries(JSON.parse(rest.toString()))).toEqual(
            Object.entries(JSON.parse(bytes.toString())).filter(
              ([key]) => !gone.some((member) => member.key === key),
            ),
          );
        },
      ),
    );
  });

  it('passes deep nesting without recursion', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(endOfValue(bytesOf(deep), 0)).toBe(deep.length);
  });

  it.each(['', '{', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a" 1}', '{a:1}', '{"a":1 "b":2}', '{"a":}'])(
    'refuses %j',
    (text) => {
      expect(() => membersOf(bytesOf(text), 0)).toThrow(/not JSON at byte/);
    },
  );

  it('never loops or fails otherwise on junk', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (junk) => {
        const bytes = Buffer.concat([bytesOf('{"a":'), junk]);
        try {
          membersOf(bytes, 0);
        } catch (error) {
          expect((error as Error).message).toMatch(/not JSON|JSON/);
        }
      }),
    );
  });
});
