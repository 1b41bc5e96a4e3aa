/** Text to token ids, cut to a limit, in time bounded by the limit and not by the text. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import { framed, pairFrame, singleFrame } from './frame.ts';
import { type ReadStart, type TextStart, wordPieceStart, wordsStart } from './text-start.ts';
import { openLibrary, type TokenizerLibrary } from './tokenizer-library.ts';

export interface TokenIds {
  /** Special tokens included, e.g. `[CLS] … [SEP]`, at most `limit` of them. */
  readonly ids: readonly number[];
  /** Whether the text had more tokens than that. */
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
  return {
    encode(text, limit) {
      const { ids, truncated } = cut(readStart(text, limit), limit - single.specials);
      return { ids: framed(single, [ids]).ids, truncated };
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
