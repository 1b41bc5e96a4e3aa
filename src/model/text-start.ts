/** The tokens at the start of a text, in time bounded by how many are wanted and not by the text. */
import type { TokenizerLibrary } from './tokenizer-library.ts';
import { wordPieces } from './wordpiece.ts';

export interface TextStart {
  /** Without special tokens. The first `most` are those of the whole text, unless that is junk. */
  readonly ids: readonly number[];
  /** Whether the whole text was read. */
  readonly whole: boolean;
}

/** Reads a text until it has `most` tokens or ends. */
export type ReadStart = (text: string, most: number) => TextStart;

/** English has four to five characters a token: most texts need no second look. */
const CHARACTERS_PER_TOKEN = 6;
/** A text that has not given enough tokens after this many characters a token is junk, and is cut there. */
const MOST_CHARACTERS_PER_TOKEN = CHARACTERS_PER_TOKEN * 16;

/** What reading a start gave: its tokens, and how many of them a cut behind it cannot have changed. */
interface Reading {
  readonly ids: readonly number[];
  readonly sure: number;
}

/** Reads longer and longer starts until one has `enough` tokens that are those of the whole text. */
function readStart(text: string, enough: number, read: (start: string) => Reading): TextStart {
  for (let characters = enough * CHARACTERS_PER_TOKEN; ; characters *= 2) {
    const whole = characters >= text.length;
    const { ids, sure } = read(prefix(text, characters));
    if (whole || sure >= enough || characters >= enough * MOST_CHARACTERS_PER_TOKEN) return { ids, whole };
  }
}

function idsOf(library: TokenizerLibrary, text: string): readonly number[] {
  return library.encode(text, { add_special_tokens: false }).ids;
}

export interface WordPieceModel {
  readonly unk_token: string;
  readonly continuing_subword_prefix: string;
  /** A longer word is one `[UNK]`. */
  readonly max_input_chars_per_word: number;
}

/** For WordPiece behind BERT's normaliser and pre-tokenizer. */
export function wordPieceStart(
  library: TokenizerLibrary,
  model: WordPieceModel,
  lowerCases: boolean,
): ReadStart {
  const longestWord = model.max_input_chars_per_word;
  // The library's own split is quadratic in the length of a word.
  library.model.encode = wordPieces(library.model.tokens_to_ids, {
    unknown: model.unk_token,
    continuing: model.continuing_subword_prefix,
    longestWord,
  });
  const read = (start: string): Reading => {
    const ids = idsOf(library, asTrained(start, lowerCases));
    return { ids, sure: ids.length };
  };
  // A cut may fall inside a word, and then what that word became can differ: at most so many tokens.
  return (text, most) => readStart(text.trimStart(), most + longestWord, read);
}

/**
 * Tokens that may lie between a cut and the last word it leaves alone: a cut added token such as `<|im_start|>` falls
 * into several words, and `'r` is a word of its own until `'re` is whole.
 */
const NEAR_A_CUT = 32;

/** For every other model, whose words may be of any length: the last word is the one that a cut may have changed. */
export function wordsStart(library: TokenizerLibrary): ReadStart {
  const encode = library.model.encode.bind(library.model);
  let lastWord = 0;
  library.model.encode = (words) => {
    const last = encode(words.slice(-1));
    lastWord = last.length;
    return [...encode(words.slice(0, -1)), ...last];
  };
  const read = (start: string): Reading => {
    lastWord = 0;
    const ids = idsOf(library, start);
    return { ids, sure: ids.length - lastWord };
  };
  return (text, most) => readStart(text, most + NEAR_A_CUT, read);
}

/** CJK ideographs beyond the basic plane, as BERT's normaliser lists them. */
const FAR_IDEOGRAPHS = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * Spells out what the library does unlike the Rust tokenizer that models are trained with: it does not set far
 * ideographs apart, and it lower-cases a final Σ to ς, where Rust lower-cases letter by letter, to σ.
 */
function asTrained(text: string, lowerCases: boolean): string {
  const set = text.replace(FAR_IDEOGRAPHS, ' $& ');
  return lowerCases ? set.replaceAll('Σ', 'σ') : set;
}

/** The first `length` UTF-16 units, less half a surrogate pair. */
function prefix(text: string, length: number): string {
  if (length >= text.length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length);
}
