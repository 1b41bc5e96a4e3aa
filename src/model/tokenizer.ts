/** Text to token ids, cut to a limit, in time bounded by the limit and not by the text. */
import { readFile } from 'node:fs/promises';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import { wordPieces } from './wordpiece.ts';

export interface TokenIds {
  /** `[CLS] … [SEP]`, at most `limit` of them. */
  readonly ids: readonly number[];
  /** Whether the text had more tokens than that. */
  readonly truncated: boolean;
}

export interface Tokenizer {
  /** `limit` counts `[CLS]` and `[SEP]`; the ids are those of the whole text, less what lies behind the limit. */
  encode(text: string, limit: number): TokenIds;
}

/** The parts of tokenizer.json that the cut relies on. */
const wordPieceSchema = z.looseObject({
  model: z.looseObject({
    type: z.literal('WordPiece'),
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    /** A longer word is one `[UNK]`. */
    max_input_chars_per_word: z.int().positive(),
  }),
});

/** What is used of the library, whose own declarations do not resolve under `nodenext`. */
interface Library {
  readonly model: { readonly tokens_to_ids: ReadonlyMap<string, number>; encode(words: string[]): string[] };
  encode(text: string): { readonly ids: readonly number[] };
}

/** English has four to five characters a token: most texts need no second look. */
const CHARACTERS_PER_TOKEN = 6;
/** A text that has not filled the limit after this many characters a token is junk, and is cut there. */
const MOST_CHARACTERS_PER_TOKEN = CHARACTERS_PER_TOKEN * 16;

/** @throws MiceError `bundle-invalid` */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const json = await readFile(path, 'utf8');
  try {
    return openTokenizer(JSON.parse(json));
  } catch (cause) {
    const hint = 'The tokenizer.json of a WordPiece model is expected.';
    throw new MiceError('bundle-invalid', `${path}: ${messageOf(cause)}`, { hint, cause });
  }
}

function openTokenizer(content: unknown): Tokenizer {
  const { model } = wordPieceSchema.parse(content);
  const library: Library = new LibraryTokenizer(content as object, {});
  const longestWord = model.max_input_chars_per_word;
  // The library's own split is quadratic in the length of a word.
  library.model.encode = wordPieces(library.model.tokens_to_ids, {
    unknown: model.unk_token,
    continuing: model.continuing_subword_prefix,
    longestWord,
  });
  return { encode: (text, limit) => encodeWithin(library, text, limit, longestWord) };
}

function encodeWithin(library: Library, text: string, limit: number, longestWord: number): TokenIds {
  const trimmed = text.trimStart();
  // A cut may fall inside a word, and then what that word became can differ: at most so many tokens.
  const enough = limit + longestWord;
  for (let characters = enough * CHARACTERS_PER_TOKEN; ; characters *= 2) {
    const whole = characters >= trimmed.length;
    const { ids } = library.encode(asTrained(prefix(trimmed, characters)));
    if (whole || ids.length >= enough || characters >= enough * MOST_CHARACTERS_PER_TOKEN) {
      return cut(ids, limit, whole);
    }
  }
}

/** CJK ideographs beyond the basic plane, as BERT's normaliser lists them. */
const FAR_IDEOGRAPHS = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * Spells out what the library does unlike the Rust tokenizer that models are trained with: it does not set far
 * ideographs apart, and it lower-cases a final Σ to ς, where Rust lower-cases letter by letter, to σ.
 */
function asTrained(text: string): string {
  return text.replaceAll('Σ', 'σ').replace(FAR_IDEOGRAPHS, ' $& ');
}

/** The first `length` UTF-16 units, less half a surrogate pair. */
function prefix(text: string, length: number): string {
  if (length >= text.length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}

function cut(ids: readonly number[], limit: number, whole: boolean): TokenIds {
  if (ids.length <= limit) return { ids, truncated: !whole };
  return { ids: [...ids.slice(0, limit - 1), ids.at(-1)!], truncated: true };
}
