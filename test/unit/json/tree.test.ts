import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotJson } from '../../../src/json/spans.ts';
import { type Node, treeOf } from '../../../src/json/tree.ts';

/** The value that the spans of a tree stand for. */
function readAt(bytes: Buffer, { span, members, elements }: Node): unknown {
  if (members)
    return Object.fromEntries(
      members.map(({ key, value }): [string, unknown] => [key, readAt(bytes, value)]),
    );
  if (elements) return elements.map((element) => readAt(bytes, element));
  return JSON.parse(bytes.toString('utf8', span.start, span.end));
}

describe('the tree of a JSON text', () => {
  it('holds every value where a parser finds it, whatever the spaces', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, '\t'), (value, space) => {
        const bytes = Buffer.from(` ${JSON.stringify(value, null, space)} `);
        const tree = treeOf(bytes);
        expect(readAt(bytes, tree)).toEqual(JSON.parse(bytes.toString()));
        expect(bytes.toString('utf8', tree.span.start, tree.span.end)).toBe(bytes.toString().trim());
      }),
    );
  });

  it('keeps members of the same name apart', () => {
    expect(treeOf(Buffer.from('{"a":1,"a":[2]}')).members).toMatchObject([
      { key: 'a', span: { start: 1, end: 6 } },
      { key: 'a', span: { start: 7, end: 14 }, value: { elements: [{ span: { start: 12, end: 13 } }] } },
    ]);
  });

  it.each(['', '{', '{"a"}', '{"a":}', '{1:2}', '[1', '[1 2]', '[,]', '{"a":1,}', '"', '['.repeat(5000)])(
    'is refused where the text is no JSON, or nested deeper than any engine reads: %#',
    (text) => {
      expect(() => treeOf(Buffer.from(text))).toThrow(NotJson);
    },
  );
});
