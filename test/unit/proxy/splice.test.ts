import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findHits } from '../../../src/proxy/hits.ts';
import { type Page, printScore, splice } from '../../../src/proxy/splice.ts';

const STATES = 'mice.states';

function spliced(answer: string, page: Page): string {
  const bytes = Buffer.from(answer);
  return splice(bytes, findHits(bytes, STATES), page).toString();
}

function keepAll(answer: string): string {
  const { hits } = findHits(Buffer.from(answer), STATES);
  return spliced(answer, {
    hits: hits.map((_, place) => ({ place, score: undefined })),
    maxScore: undefined,
  });
}

/** JSON text with what parsing and printing again would lose: long numbers, escapes, spaces, duplicate keys. */
const json: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      '9007199254740993',
      '-0',
      '1.0',
      '1e400',
      '0.10',
      'true',
      'null',
      '"\\u00e9\\\\\\""',
      '"]}"',
      '[ ]',
      '{}',
    ),
    fc.string().map((text) => JSON.stringify(text)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(' ,')}]`),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom('a', 'hits', '_id', '\\u0061', 'fields'), tie('value')), { maxLength: 3 })
    .map((members) => `{${members.map(([key, value]) => ` "${key}" :${value}`).join(',')}}`),
})).value;

const hit = fc
  .record({ id: fc.string().map((text) => JSON.stringify(text)), source: json, extra: json })
  .map(
    ({ id, source, extra }) =>
      `{"_index":"i", "_id":${id},"_score":1.5,"_source":{"d":${source}},"highlight":${extra}}`,
  );

const answer = fc
  .record({ hits: fc.array(hit, { maxLength: 6 }), extra: json, space: fc.constantFrom('', ' ', '\n  ') })
  .map(
    ({ hits, extra, space }) =>
      `{"took":3,"x":${extra},"hits":{"total":{"value":9},"max_score":1.5,"hits":[${space}${hits.join(`${space},${space}`)}${space}]},"aggregations":${extra}}`,
  );

describe('splicing an answer', () => {
  it('leaves every byte in place when the order stays', () => {
    fc.assert(fc.property(answer, (text) => keepAll(text) === text));
  });

  it('loses, doubles and alters no hit in any order', () => {
    fc.assert(
      fc.property(answer, fc.infiniteStream(fc.nat()), (text, numbers) => {
        const bytes = Buffer.from(text);
        const places = findHits(bytes, STATES);
        const order = places.hits
          .map((_, place) => ({ place, key: numbers.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key);
        const moved = splice(bytes, places, {
          hits: order.map(({ place }) => ({ place, score: undefined })),
          maxScore: undefined,
        });
        const texts = (buffer: Buffer) =>
          findHits(buffer, STATES).hits.map(({ span }) => buffer.toString('utf8', span.start, span.end));
        expect(texts(moved)).toEqual(order.map(({ place }) => texts(bytes)[place]));
        expect(moved.length).toBe(bytes.length);
      }),
    );
  });

  it('writes scores and the greatest score, and nothing else', () => {
    const text =
      '{"hits":{"max_score":2.0,"hits":[{"_index":"i","_id":"a","_score":2.0,"_source":{"_score":2.0}},{"_index":"i","_id":"b","_score":1.0}]}}';
    expect(
      spliced(text, {
        hits: [
          { place: 1, score: 7 },
          { place: 0, score: -0.25 },
        ],
        maxScore: 7,
      }),
    ).toBe(
      '{"hits":{"max_score":7.0,"hits":[{"_index":"i","_id":"b","_score":7.0},{"_index":"i","_id":"a","_score":-0.25,"_source":{"_score":2.0}}]}}',
    );
  });

  it('takes out the states it asked for, and the fields object when nothing else is in it', () => {
    const alone =
      '{"hits":{"max_score":1.0,"hits":[{"_index":"i","_id":"a","_score":1.0,"_source":{},"fields":{"mice.states":["AAAA"]}}]}}';
    expect(keepAll(alone)).toBe(
      '{"hits":{"max_score":1.0,"hits":[{"_index":"i","_id":"a","_score":1.0,"_source":{}}]}}',
    );
    const beside = alone
      .replace('{"mice.states"', '{"date":["x"],"mice.states"')
      .replace('"]}}]', '"]},"highlight":{}}]');
    expect(keepAll(beside)).toContain('"fields":{"date":["x"]},"highlight":{}');
  });

  it('cuts a page out of the window', () => {
    const text =
      '{"hits":{"max_score":null,"hits":[{"_index":"i","_id":"a"},{"_index":"i","_id":"b"},{"_index":"i","_id":"c"}]}}';
    expect(spliced(text, { hits: [{ place: 2, score: undefined }], maxScore: undefined })).toContain(
      '"hits":[{"_index":"i","_id":"c"}]',
    );
    expect(spliced(text, { hits: [], maxScore: undefined })).toContain('"hits":[]');
  });

  it.each([
    '',
    '{}',
    '{"hits":1}',
    '{"hits":{"hits":[{"_id":"a"}]}}',
    '{"hits":{"hits":[',
    '<html>',
    '{"hits":{"hits":[{"_index":"i","_id":7}]}}',
  ])('refuses what is no answer with hits: %s', (text) => {
    expect(() => findHits(Buffer.from(text), STATES)).toThrow(/not JSON/);
  });
});

describe('a printed score', () => {
  it.each([
    [1, '1.0'],
    [-3, '-3.0'],
    [0.1 + 0.2, '0.3'],
    [12.3456789, '12.34568'],
    [0, '0.0'],
    [1e-9, '1e-9'],
  ])('%d is %s: never an integer, never more digits than a float32 has', (score, text) => {
    expect(printScore(score)).toBe(text);
  });
});
