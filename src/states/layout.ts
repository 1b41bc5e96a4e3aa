/**
 * The stored form of a document's states, little-endian. Version 1 holds one passage, int8 or int4:
 *
 *   offset  bytes             field
 *        0  4                 magic `MICE`
 *        4  1                 version
 *        5  1                 dtype of the states: 1 = int8, 2 = int4, with one float32 scale per token
 *        6  2                 D, values a token; even for int4
 *        8  2                 V, values of the vector
 *       10  2                 flags: bit 0 = the text was longer than what was read
 *       12  4                 T, tokens
 *       16  8                 bundle id
 *       24  16                content hash of the text
 *       40  4                 crc32 of everything else
 *       44  4                 scale of the vector, float32
 *       48  V, padded to 4    vector, int8
 *        …  4·T               scales of the tokens, float32
 *        …  T·D or T·D/2      states, int8 or int4, token by token ({@link file://./nibbles.ts} for int4)
 *
 * Version 2 holds any number of passages, and dtype 3 = float16, which has no scales. It differs from byte 44 on:
 *
 *       12  4                 T, tokens of all passages
 *       44  4                 P, passages
 *       48  8                 the splitting: tokens, overlap, most and rule ({@link file://./splitting.ts}), 2 each
 *       56  16·P              passages in the order of the text: start and end in UTF-16 units, tokens, scale of the
 *                             vector (float32), 4 each
 *        …  P·V, padded to 4  vectors, int8
 *        …  4·T               scales of the tokens, float32; none with float16
 *        …  T·D, ·½ or ·2     states, passage by passage and token by token
 *
 * Version 1 is written wherever it can say all there is to say. Sections start at multiples of 4, so that typed arrays
 * can look into the bytes where they lie.
 */
import type { Splitting } from './splitting.ts';

export const MAGIC = 0x4543494d;
/** Number of each dtype of the states in the header. */
export const DTYPES = { int8: 1, int4: 2, float16: 3 } as const;
export const FLAG_TRUNCATED = 1;

/** Byte offsets of the header's fields. */
export const AT = {
  magic: 0,
  version: 4,
  dtype: 5,
  dims: 6,
  vectorDims: 8,
  flags: 10,
  tokens: 12,
  bundleId: 16,
  hash: 24,
  crc: 40,
  /** Version 1. */
  vectorScale: 44,
  vector: 48,
  /** Version 2. */
  passages: 44,
  splitting: 48,
  table: 56,
} as const;

/** A row of version 2's table of passages. */
export const ROW = { start: 0, end: 4, tokens: 8, vectorScale: 12, bytes: 16 } as const;

export type StateDtype = keyof typeof DTYPES;

export interface StatesHeader {
  readonly version: 1 | 2;
  readonly dtype: StateDtype;
  /** Values a token; even for int4. */
  readonly dims: number;
  readonly vectorDims: number;
  readonly passages: number;
  /** Tokens kept, of all passages, those that the tokenizer puts around each, e.g. `[CLS]` and `[SEP]`, included. */
  readonly tokens: number;
  /** Whether the text was longer than what was read. */
  readonly truncated: boolean;
  /**
   * What shaped them; undefined where the whole text is one passage with all its tokens, as it is under any splitting of
   * enough tokens that keeps all.
   */
  readonly splitting: Splitting | undefined;
  /** {@link file://../model/bundle.ts Bundle.id} of the maker: 16 hex characters. */
  readonly bundleId: string;
  /** Content hash of the text: 32 hex characters. */
  readonly hash: string;
}

export type Shape = Pick<StatesHeader, 'version' | 'dtype' | 'dims' | 'vectorDims' | 'tokens' | 'passages'>;

const VALUE_BYTES: Readonly<Record<StateDtype, number>> = { int8: 1, int4: 0.5, float16: 2 };

/** Bytes of one token's values, without its scale. */
export function valueBytes({ dtype, dims }: Pick<Shape, 'dtype' | 'dims'>): number {
  return VALUE_BYTES[dtype] * dims;
}

/** Where the sections of a blob of this shape begin, in bytes. */
export function sections(shape: Shape) {
  const vectors = shape.version === 1 ? AT.vector : AT.table + ROW.bytes * shape.passages;
  const scales = vectors + Math.ceil((shape.passages * shape.vectorDims) / 4) * 4;
  const states = scales + (shape.dtype === 'float16' ? 0 : 4 * shape.tokens);
  return { vectors, scales, states, end: states + shape.tokens * valueBytes(shape) } as const;
}
