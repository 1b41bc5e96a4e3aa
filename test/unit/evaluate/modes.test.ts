import { describe, expect, test } from 'vitest';
import { parseModes } from '../../../src/evaluate/modes.ts';

describe('a list of modes', () => {
  test('may have spaces and repetitions, and is asked in the order of the stages', () => {
    expect(parseModes('mice, bm25,mice')).toEqual(['bm25', 'mice']);
  });

  test.each(['hybrid', 'BM25', ''])('with %j in it is refused, with the accepted ones', (name) => {
    expect(() => parseModes(`bm25,${name}`)).toThrow(
      expect.objectContaining({
        code: 'bad-option',
        message: expect.stringContaining(JSON.stringify(name)),
        hint: expect.stringContaining('bm25, vector, mice'),
      }),
    );
  });
});
