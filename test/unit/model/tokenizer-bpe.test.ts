import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../src/model/tokenizer.ts';
import { bpeTokenizer, idOf } from './bpe-tokenizer.ts';

const directory = mkdtempSync(join(tmpdir(), 'mice-bpe-'));
afterAll(() => rmSync(directory, { recursive: true }));

function tokenizerOf(content: object) {
  const path = join(directory, 'tokenizer.json');
  writeFileSync(path, JSON.stringify(content));
  return loadTokenizer(path);
}

const tokenizer = await tokenizerOf(bpeTokenizer);
const CLS = idOf('[CLS]');
const SEP = idOf('[SEP]');

/** Ids of the Rust tokenizer that the training uses. */
interface Trained {
  readonly texts: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly pairs: readonly {
    readonly query: string;
    readonly document: string;
    readonly ids: readonly number[];
    readonly types: readonly number[];
  }[];
}
const trained: Trained = JSON.parse(
  readFileSync(new URL('golden/bpe-token-ids.json', import.meta.url), 'utf8'),
);

describe('token ids of a byte-level BPE tokenizer', () => {
  it.each(trained.texts)('are those of the training for $text', ({ text, ids }) => {
    expect(tokenizer.encode(text, 64)).toEqual({ ids, truncated: false });
  });

  it.each(trained.pairs)('are those of the training for the pair $query, $document', (pair) => {
    const { query, document, ids, types } = pair;
    const limits = { queryTokens: 64, pairTokens: 64 };
    expect(tokenizer.encodePairs(query, [document], limits)).toEqual([{ ids, types }]);
  });

  it('keep the special tokens of the file when the text is cut', () => {
    const { ids, truncated } = tokenizer.encode('the winter winter winter', 4);
    expect(ids).toEqual([CLS, idOf('the'), idOf('Ġwinter'), SEP]);
    expect(truncated).toBe(true);
  });
});

describe('the cut before tokenising with BPE', () => {
  const words = [
    "they're",
    'the',
    ' winter',
    'a'.repeat(300),
    '漢字',
    '  ',
    '      ',
    '\n',
    '🙂',
    '<|im_start|>',
  ];
  const long = fc.array(fc.constantFrom(...words), { minLength: 20, maxLength: 400 });

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
    ['one word', 'a'],
    ['spaces', ' '],
    ['words', 'the winter '],
    ['text without spaces', '漢字'],
  ])('bounds what is read of five million characters: %s', (_, unit) => {
    const { ids, truncated } = tokenizer.encode(unit.repeat(5e6 / unit.length), 256);
    expect(ids.length).toBe(256);
    expect([ids[0], ids.at(-1)]).toEqual([CLS, SEP]);
    expect(truncated).toBe(true);
  });
});

describe('a Unigram tokenizer', () => {
  const vocab = ['<s>', '</s>', '<unk>', '▁the', '▁win', 'ter', '▁winter', '▁', 'e'];
  const special = (token: string) => [token, vocab.indexOf(token)];
  const content = {
    ...bpeTokenizer,
    added_tokens: ['<s>', '</s>', '<unk>'].map((token, id) => ({ id, content: token, special: true })),
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    post_processor: { type: 'RobertaProcessing', cls: special('<s>'), sep: special('</s>') },
    decoder: null,
    model: {
      type: 'Unigram',
      unk_id: 2,
      vocab: vocab.map((token, id) => [token, -id]),
      byte_fallback: false,
    },
  };

  it.each([
    ['the winter the', [0, 3, 6, 3, 1]],
    ['e xyz', [0, 7, 8, 7, 2, 1]],
    ['', [0, 1]],
    ['winter winter winter ', [0, 6, 6, 6, 7, 1]],
  ])('gives the ids of the training for %j', async (text, ids) => {
    expect((await tokenizerOf(content)).encode(text, 64).ids).toEqual(ids);
  });
});

describe('special tokens', () => {
  const [cls, sep] = [
    ['[CLS]', CLS],
    ['[SEP]', SEP],
  ];

  it.each([
    [
      'a sequence of post-processors',
      { type: 'Sequence', processors: [{ type: 'ByteLevel' }, bpeTokenizer.post_processor] },
    ],
    ['one of BERT', { type: 'BertProcessing', cls, sep }],
  ])('are taken from %s', async (_, post_processor) => {
    const { encode, encodePairs } = await tokenizerOf({ ...bpeTokenizer, post_processor });
    expect(encode('the', 8).ids).toEqual([CLS, idOf('the'), SEP]);
    expect(encodePairs('the', ['in'], { queryTokens: 8, pairTokens: 8 })).toEqual([
      { ids: [CLS, idOf('the'), SEP, idOf('in'), SEP], types: [0, 0, 0, 1, 1] },
    ]);
  });

  it('of RoBERTa stand twice between the texts of a pair, and the document is cut to what is left', async () => {
    const post_processor = { type: 'RobertaProcessing', cls, sep };
    const { encodePairs } = await tokenizerOf({ ...bpeTokenizer, post_processor });
    const [pair] = encodePairs('the', ['in the winter'], { queryTokens: 8, pairTokens: 7 });
    expect(pair!.ids).toEqual([CLS, idOf('the'), SEP, SEP, idOf('in'), idOf('Ġthe'), SEP]);
  });

  it('are required, and so is a form for pairs where pairs are asked for', async () => {
    const without = { ...bpeTokenizer, post_processor: { type: 'ByteLevel' } };
    await expect(tokenizerOf(without)).rejects.toMatchObject({
      code: 'bundle-invalid',
      message: expect.stringContaining('puts no special tokens around one text'),
    });
    const { single, ...template } = bpeTokenizer.post_processor;
    const post_processor = { ...template, single, pair: single };
    const { encode, encodePairs } = await tokenizerOf({ ...bpeTokenizer, post_processor });
    expect(encode('the', 8).ids).toEqual([CLS, idOf('the'), SEP]);
    expect(() => encodePairs('the', ['in'], { queryTokens: 8, pairTokens: 8 })).toThrow(
      'puts no special tokens around two texts',
    );
  });

  it('that are no tokens of the file refuse it by name', async () => {
    const post_processor = { type: 'BertProcessing', cls: ['<s>', 0], sep };
    await expect(tokenizerOf({ ...bpeTokenizer, post_processor })).rejects.toThrow(
      'names <s>, which is no token of it',
    );
  });
});
