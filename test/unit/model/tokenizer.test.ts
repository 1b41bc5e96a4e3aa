import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultBundleDirectory } from '../../../src/model/bundle.ts';
import { loadTokenizer } from '../../../src/model/tokenizer.ts';

const path = join(defaultBundleDirectory(), 'tokenizer.json');
const tokenizer = await loadTokenizer(path);
const CLS = 101;
const SEP = 102;
const UNK = 100;

/** Ids of the Rust tokenizer that the training uses, limit 64. */
const trained: { text: string; ids: number[] }[] = JSON.parse(
  readFileSync(new URL('golden/token-ids.json', import.meta.url), 'utf8'),
);

describe('token ids', () => {
  it.each(trained)('are those of the training for $text', ({ text, ids }) => {
    expect(tokenizer.encode(text, 64).ids).toEqual(ids);
  });

  it('of an empty text are [CLS] [SEP]', () => {
    expect(tokenizer.encode('', 64)).toEqual({ ids: [CLS, SEP], truncated: false });
  });

  it('leave lone surrogates out', () => {
    expect(tokenizer.encode('\ud800 a \udc00', 64).ids).toEqual(tokenizer.encode('a', 64).ids);
  });

  it('keep the final [SEP] when the text is cut', () => {
    const { ids, truncated } = tokenizer.encode('one two three four', 4);
    expect(ids).toEqual([...tokenizer.encode('one two', 64).ids.slice(0, 3), SEP]);
    expect(truncated).toBe(true);
  });

  it('are not called cut when the text just fits', () => {
    expect(tokenizer.encode('one two', 4).truncated).toBe(false);
  });
});

describe('the cut before tokenising', () => {
  const words = [
    'cat',
    'supercalifragilistic',
    'x'.repeat(130),
    'Ω',
    '漢字',
    '  ',
    '\n',
    '🙂',
    'e\u0301',
    '--',
    '1234567',
  ];
  const long = fc.array(fc.constantFrom(...words), { minLength: 50, maxLength: 600 });

  it('leaves the ids as the whole text would have them', () => {
    fc.assert(
      fc.property(long, fc.constantFrom(' ', ''), (parts, separator) => {
        const text = parts.join(separator);
        const whole = tokenizer.encode(text, 100_000).ids;
        const cut = whole.length <= 16 ? whole : [...whole.slice(0, 15), SEP];
        expect(tokenizer.encode(text, 16).ids).toEqual(cut);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['spaces before the text', ' '.repeat(5e6) + 'cat', [CLS, 4937, SEP], false],
    ['one word', 'a'.repeat(5e6), [CLS, UNK, SEP], true],
    ['control characters', '\u0001'.repeat(5e6), [CLS, SEP], true],
  ])('bounds what is read of five million characters: %s', (_, text, ids, truncated) => {
    expect(tokenizer.encode(text, 256)).toEqual({ ids, truncated });
  });

  it('reads any text without throwing, within the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const { ids } = tokenizer.encode(text, 32);
        expect(ids.length).toBeLessThanOrEqual(32);
        expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP]);
      }),
      { numRuns: 40 },
    );
  });
});

describe('pairs', () => {
  const limits = { queryTokens: 4, pairTokens: 8 };
  const [pair] = tokenizer.encodePairs('one two three', ['four five six seven'], limits);

  it('are [CLS] query [SEP] document [SEP], the query cut first and the document to what is left', () => {
    const query = tokenizer.encode('one two', 64).ids.slice(1, -1);
    const document = tokenizer.encode('four five six', 64).ids.slice(1, -1);
    expect(pair!.ids).toEqual([CLS, ...query, SEP, ...document, SEP]);
  });

  it('tell the two texts apart by token type', () => {
    expect(pair!.types).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });

  it('have a place for a text without words', () => {
    expect(tokenizer.encodePairs('', [''], limits)).toEqual([{ ids: [CLS, SEP, SEP], types: [0, 0, 1] }]);
  });

  it('do not depend on the other documents', () => {
    const documents = ['four', 'five six seven eight', ''];
    const alone = documents.map((document) => tokenizer.encodePairs('one', [document], limits)[0]);
    expect(tokenizer.encodePairs('one', documents, limits)).toEqual(alone);
  });
});

describe('a tokenizer.json of another kind', () => {
  it('is refused, with what is expected', async () => {
    const notWordPiece = new URL('golden/token-ids.json', import.meta.url).pathname;
    await expect(loadTokenizer(notWordPiece)).rejects.toMatchObject({
      code: 'bundle-invalid',
      hint: 'The tokenizer.json of a WordPiece, BPE or Unigram model with its post_processor is expected.',
    });
  });
});
