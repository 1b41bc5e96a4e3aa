import { describe, expect, it } from 'vitest';
import {
  readMultiSearch,
  responsesIn,
  withoutStatus,
  withResponses,
  writeMultiSearch,
} from '../../../src/proxy/multi-search.ts';

const read = (text: string) => readMultiSearch(Buffer.from(text));

describe('a request with several searches', () => {
  it('is lines in pairs, kept as they came', () => {
    const text =
      '{"index":["a","b"]}\n{ "query" : {} }\n\n{}\n{"index":"c","preference":"p"}\n{"size":1}\r\n';
    const searches = read(text)!;
    expect(searches.map(({ index }) => index)).toEqual(['a,b', undefined, 'c']);
    expect(writeMultiSearch(searches).toString()).toBe(text);
  });

  it('may begin with an empty line', () => {
    expect(read('\n{"index":"a"}\n{}\n')).toMatchObject([{ index: 'a' }]);
  });

  it.each(['', '\n', '{}\n', '{}\n{}', '{}\n{}\n{}\n', '[]\n{}\n', '{"index":7}\n{}\n', '{"index"\n{}\n'])(
    'is left to the cluster where it is of another form: %j',
    (text) => {
      expect(read(text)).toBeUndefined();
    },
  );
});

describe('the answers', () => {
  const answer = Buffer.from('{"took":1, "responses":[ {"a":"]"} ,{"b":1}], "x":2}');
  const responses = responsesIn(answer, 2)!;
  const spliced = (...bodies: readonly (string | undefined)[]) =>
    withResponses(
      answer,
      responses,
      bodies.map((body) => (body === undefined ? undefined : Buffer.from(body))),
    ).toString();

  it('are found and replaced in place, or left out as the engines leave out what a filter empties', () => {
    expect(spliced('0', '1')).toBe('{"took":1, "responses":[ 0 ,1], "x":2}');
    expect(spliced(undefined, '1')).toBe('{"took":1, "responses":[ 1], "x":2}');
    expect(spliced(undefined, undefined)).toBe('{"took":1, "x":2}');
  });

  it('lose the status by which they were counted', () => {
    expect(withoutStatus(Buffer.from('{"hits":{},"status":200}'))!.toString()).toBe('{"hits":{}}');
    expect(withoutStatus(Buffer.from('{"status":404}'))).toBeUndefined();
  });

  it('are none where there are not as many as searches', () => {
    expect(responsesIn(answer, 3)).toBeUndefined();
    expect(responsesIn(Buffer.from('{"error":{}}'), 1)).toBeUndefined();
    expect(responsesIn(Buffer.from('<html>'), 1)).toBeUndefined();
  });
});
