/**
 * The stored form of a document's states, version 1, little-endian:
 *
 *   offset  bytes             field
 *        0  4                 magic `MICE`
 *        4  1                 version
 *        5  1                 dtype of the states: 1 = int8, 2 = int4, with one float32 scale per token
 *        6  2                 D, values a token; even for int4
 *        8  2                 V, values of the vector
 *       10  2                 flags: bit 0 = the text was longer than the bundle's limit
 *       12  4                 T, tokens
 *       16  8                 bundle id
 *       24  16                content hash of the text
 *       40  4                 crc32 of everything else
 *       44  4                 scale of the vector, float32
 *       48  V, padded to 4    vector, int8
 *        …  4·T               scales of the tokens, float32
 *        …  T·D or T·D/2      states, int8 or int4, token by token ({@link file://./nibbles.ts} for int4)
 *
 * Sections start at multiples of 4, so that typed arrays can look into the bytes where they lie.
 */

export const MAGIC = 0x4543494d;
export const VERSION = 1;
/** Number of each dtype of the states in the header. */
export const DTYPES = { int8: 1, int4: 2 } as const;
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
  vectorScale: 44,
  vector: 48,
} as const;

export type StateDtype = keyof typeof DTYPES;

export interface StatesHeader {
  readonly version: 1;
  readonly dtype: StateDtype;
  /** Values a token; even for int4. */
  readonly dims: number;
  readonly vectorDims: number;
  /** Tokens read, `[CLS]` and `[SEP]` included. */
  readonly tokens: number;
  /** Whether the text was longer than the bundle's limit. */
  readonly truncated: boolean;
  /** {@link file://../model/bundle.ts Bundle.id} of the maker: 16 hex characters. */
  readonly bundleId: string;
  /** Content hash of the text: 32 hex characters. */
  readonly hash: string;
}

export type Shape = Pick<StatesHeader, 'dtype' | 'dims' | 'vectorDims' | 'tokens'>;

/** Bytes of one token's values, without its scale. */
export function valueBytes({ dtype, dims }: Pick<Shape, 'dtype' | 'dims'>): number {
  return dtype === 'int4' ? dims / 2 : dims;
}

/** Where the sections of a blob of this shape begin, in bytes. */
export function sections(shape: Shape) {
  const scales = AT.vector + Math.ceil(shape.vectorDims / 4) * 4;
  const states = scales + 4 * shape.tokens;
  return { vector: AT.vector, scales, states, end: states + shape.tokens * valueBytes(shape) } as const;
}
