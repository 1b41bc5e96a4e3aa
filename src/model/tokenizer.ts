/** Text to token ids, cut to a limit, in time bounded by the limit and not by the text. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import type { Splitting } from '../states/splitting.ts';
import { framed, pairFrame, singleFrame } from './frame.ts';
import { splitText } from './split-text.ts';
import { type ReadStart, type TextStart, wordPieceStart, wordsStart } from './text-start.ts';
import { openLibrary, type TokenizerLibrary } from './tokenizer-library.ts';

export interface TokenIds {
  /** Special tokens included, e.g. `[CLS] … [SEP]`, at most `limit` of them. */
  readonly ids: readonly number[];
  /** Whether the text had more tokens than that. */
  readonly truncated: boolean;
}

/** The tokens of one passage, special tokens included, and where it stands in its text, in UTF-16 units. */
export interface PassageIds {
  readonly ids: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface SplitIds {
  readonly passages: readonly PassageIds[];
  /** Whether the text goes on behind the last passage. */
  readonly truncated: boolean;
}

export interface PairIds {
  /** E.g. `[CLS] query [SEP] document [SEP]`. */
  readonly ids: readonly number[];
  /** Which text each token belongs to, as the tokenizer has it: 0 or 1. */
  readonly types: readonly number[];
}

export interface PairLimits {
  /** Tokens of the query by itself, special tokens included, as {@link Tokenizer.encode} counts. */
  readonly queryTokens: number;
  /** Tokens of the pair; the document is cut so that it fits. */
  readonly pairTokens: number;
}

export interface Tokenizer {
  /** `limit` counts the special tokens; the ids are those of the whole text, less what lies behind the limit. */
  encode(text: string, limit: number): TokenIds;
  /** The whole text where it is short enough for one passage, or else passages of it. */
  split(text: string, splitting: Splitting): SplitIds;
  /**
   * One pair a document, each cut by itself.
   * @throws MiceError `bundle-invalid` when tokenizer.json has no form for pairs
   */
  encodePairs(query: string, documents: readonly string[], limits: PairLimits): readonly PairIds[];
}

const wordPieceModel = z.looseObject({
  type: z.literal('WordPiece'),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.int().positive(),
});
const otherModel = z.looseObject({ type: z.enum(['BPE', 'Unigram']) });

/** The parts of tokenizer.json that are relied on here; the library reads the rest. */
const tokenizerSchema = z.looseObject({
  model: z.discriminatedUnion('type', [wordPieceModel, otherModel]),
  normalizer: z.looseObject({ lowercase: z.boolean().default(false) }).nullish(),
  post_processor: z.looseObject({}),
});

/** @throws MiceError `bundle-invalid` */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const json = await readFile(path, 'utf8');
  return orInvalid(path, () => openTokenizer(JSON.parse(json), path));
}

function openTokenizer(content: unknown, path: string): Tokenizer {
  const { model, normalizer } = tokenizerSchema.parse(content);
  const library = openLibrary(content as object);
  const readStart =
    model.type === 'WordPiece'
      ? wordPieceStart(library, model, normalizer?.lowercase === true)
      : wordsStart(library);
  const single = singleFrame(library);
  const encode = (text: string, limit: number): TokenIds => {
    const { ids, truncated } = cut(readStart(text, limit), limit - single.specials);
    return { ids: framed(single, [ids]).ids, truncated };
  };
  return {
    encode,
    split(text, { tokens, overlap, most }) {
      const { ids, truncated } = encode(text, tokens);
      const one = { passages: [{ ids, start: 0, end: text.length }], truncated };
      if (!truncated || most === 1) return one;
      const room = tokens - single.specials;
      // What is given to it is short, and read whole.
      const tokensOf = (part: string) => readStart(part, part.length).ids;
      const split = splitText(text, { room, overlap, most }, tokensOf);
      if (split.passages.length === 0) return one;
      return {
        passages: split.passages.map((passage) => ({ ...passage, ids: framed(single, [passage.ids]).ids })),
        truncated: split.truncated,
      };
    },
    encodePairs: (query, documents, limits) =>
      orInvalid(path, () => encodePairs(library, readStart, single.specials, query, documents, limits)),
  };
}

function encodePairs(
  library: TokenizerLibrary,
  readStart: ReadStart,
  querySpecials: number,
  query: string,
  documents: readonly string[],
  { queryTokens, pairTokens }: PairLimits,
): readonly PairIds[] {
  const frame = pairFrame(library);
  const { ids: first } = cut(readStart(query, queryTokens), queryTokens - querySpecials);
  const room = Math.max(0, pairTokens - frame.specials - first.length);
  return documents.map((document) => framed(frame, [first, cut(readStart(document, room), room).ids]));
}

/** The first `room` tokens. */
function cut({ ids, whole }: TextStart, room: number): TokenIds {
  if (ids.length <= room) return { ids, truncated: !whole };
  return { ids: ids.slice(0, room), truncated: true };
}

function orInvalid<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const hint =
      'The tokenizer.json of a WordPiece, BPE or Unigram model with its post_processor is expected.';
    throw new MiceError('bundle-invalid', `${path}: ${messageOf(cause)}`, { hint, cause });
  }
}
