import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findHits, type HitDifference } from '../../../src/proxy/hits.ts';
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

/** The answer in its own order, read with a difference. */
function filtered(answer: string, difference: HitDifference): string {
  const bytes = Buffer.from(answer);
  const places = findHits(bytes, STATES, difference);
  const hits = places.hits.map((_, place) => ({ place, score: undefined }));
  return splice(bytes, places, { hits, maxScore: undefined }).toString();
}

/** A buffer that counts how many of its bytes are looked at. */
function countingLooks(bytes: Buffer): { counted: Buffer; looks: () => number } {
  let looks = 0;
  const counted = new Proxy(bytes, {
    get(target, property) {
      if (typeof property === 'string' && /^\d+$/.test(property)) {
        looks++;
        return target[Number(property)];
      }
      if (property === 'indexOf')
        return (byte: number, from: number) => {
          const found = target.indexOf(byte, from);
          looks += (found === -1 ? target.length : found) - from + 1;
          return found;
        };
      if (property === 'toString')
        return (encoding: BufferEncoding, start: number, end: number) => {
          looks += end - start;
          return target.toString(encoding, start, end);
        };
      return Reflect.get(target, property, target);
    },
  });
  return { counted, looks: () => looks };
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

  it('takes out the states of every hit, wherever they stand in its fields, and alters nothing else', () => {
    const fields = fc
      .array(fc.tuple(fc.constantFrom('a', 'b', 'mice', 'mice.statesx'), json), { maxLength: 3 })
      .map((members) => members.map(([key, value]) => `"${key}":[${value}]`));
    const one = fc.record({ fields, place: fc.nat(), space: fc.constantFrom('', ' ', '\n ') });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), (hits) => {
        const text = (withStates: boolean) =>
          `{"hits":{"hits":[${hits
            .map(({ fields: members, place, space }, at) => {
              const all = withStates
                ? members.toSpliced(place % (members.length + 1), 0, '"mice.states":["AAAA"]')
                : members;
              const list = all.length === 0 ? '' : `,"fields":{${all.join(`,${space}`)}}`;
              return `{"_index":"i","_id":"${at}"${list},"sort":[1]}`;
            })
            .join(',')}]}}`;
        const expected = text(false);
        const got = keepAll(text(true));
        const parsed = (answer: string) => answer.replace(/\s+/g, '').replaceAll(/,?"fields":\{\}/g, '');
        expect(parsed(got)).toBe(parsed(expected));
      }),
    );
  });

  it('leaves states that the caller asked for', () => {
    const text = '{"hits":{"hits":[{"_index":"i","_id":"a","fields":{"mice.states":["AAAA"]}}]}}';
    expect(filtered(text, { keepStates: true })).toBe(text);
  });

  it('takes out of each hit what the caller did not ask to see', () => {
    const text =
      '{"took":1,"hits":{"hits":[{"_index":"i","_id":"a","_routing":"r","_source":{"t":1},"fields":{"mice.states":["AAAA"]}},{"_index":"i","_id":"b","_source":{"t":2}}]}}';
    expect(filtered(text, { hidden: ['_index', '_routing'] })).toBe(
      '{"took":1,"hits":{"hits":[{"_id":"a","_source":{"t":1}},{"_id":"b","_source":{"t":2}}]}}',
    );
    expect(filtered(text, { hidden: ['_index', '_id', '_routing'] })).toBe(
      '{"took":1,"hits":{"hits":[{"_source":{"t":1}},{"_source":{"t":2}}]}}',
    );
  });

  it('leaves out hits of which nothing is left, and the list when it is empty, as the engines do', () => {
    const hidden = ['_index', '_id'];
    const bare = '{"_index":"i","_id":"a","fields":{"mice.states":["AAAA"]}}';
    const full = '{"_index":"i","_id":"b","highlight":{}}';
    expect(filtered(`{"hits":{"hits":[${bare},${full}]}}`, { hidden })).toBe(
      '{"hits":{"hits":[{"highlight":{}}]}}',
    );
    expect(filtered(`{"took":1,"hits":{"hits":[${bare}]}}`, { hidden })).toBe('{"took":1}');
    expect(filtered(`{"hits":{"total":1,"hits":[${bare}]},"x":2}`, { hidden })).toBe(
      '{"hits":{"total":1},"x":2}',
    );
    expect(filtered(`{"hits":{"hits":[${bare}]}}`, { hidden })).toBe('{}');
  });

  it('looks at each byte a fixed number of times, whatever the answer', () => {
    const scans: readonly [string, (size: number) => string][] = [
      ['quotes', (size) => `"${'\\"'.repeat(size)}"`],
      ['backslashes', (size) => `"${'\\\\'.repeat(size)}"`],
      ['brackets', (size) => `${'['.repeat(size)}${']'.repeat(size)}`],
      ['objects', (size) => `${'{"a":'.repeat(size)}1${'}'.repeat(size)}`],
      ['members', (size) => `{${Array.from({ length: size }, (_, at) => `"${at}":1`).join(',')}}`],
      ['digits', (size) => '9'.repeat(size)],
      ['spaces', (size) => `[${' '.repeat(size)}]`],
    ];
    for (const [name, value] of scans) {
      for (const size of [1000, 8000]) {
        const one = `{"_index":"i","_id":"a","_source":${value(size)},"fields":{"x":[${value(size)}],"mice.states":["AAAA"]}}`;
        const bytes = Buffer.from(`{"x":${value(size)},"hits":{"hits":[${one},${one}]}}`);
        const { counted, looks } = countingLooks(bytes);
        findHits(counted, STATES);
        expect(looks() / bytes.length, `${name} × ${size}`).toBeLessThan(12);
      }
    }
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
