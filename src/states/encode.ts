import { blobCrc } from './crc.ts';
import { halfOf } from './float16.ts';
import {
  AT,
  DTYPES,
  FLAG_TRUNCATED,
  MAGIC,
  ROW,
  type StateDtype,
  type StatesHeader,
  sections,
} from './layout.ts';
import { packNibbles } from './nibbles.ts';
import { LEVELS, quantizeRow, quantizeRows } from './quantize.ts';
import { RULES, SPLITTING_MEMBERS, type Splitting } from './splitting.ts';

export interface PassageSource {
  /** Where it stands in the text, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly vector: Float32Array;
  /** Row-major, tokens × dims. */
  readonly states: Float32Array;
}

export interface PassagesSource {
  /** 16 hex characters. */
  readonly bundleId: string;
  /** 32 hex characters, of {@link file://./hash.ts contentHash}. */
  readonly hash: string;
  /** Whether the text has more than what was read. */
  readonly truncated: boolean;
  readonly dtype: StateDtype;
  /** Values a token; even for int4. */
  readonly dims: number;
  readonly splitting: Splitting;
  /** In the order of the text, at least one, with vectors of one length. */
  readonly passages: readonly PassageSource[];
}

/** Quantises vectors and states and lays them out as {@link file://./layout.ts} says, in a buffer of their own. */
export function encodePassages(source: PassagesSource): Uint8Array<ArrayBuffer> {
  const { dtype, dims, passages } = source;
  const header: Written = {
    ...source,
    version: isVersion1(source) ? 1 : 2,
    passages: passages.length,
    tokens: passages.reduce((sum, { states }) => sum + states.length / dims, 0),
    vectorDims: passages[0]!.vector.length,
  };
  const at = sections(header);
  const buffer = new ArrayBuffer(at.end);
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  writeHeader(view, bytes, header);
  let token = 0;
  passages.forEach(({ start, end, vector, states }, index) => {
    const tokens = states.length / dims;
    const place = at.vectors + index * vector.length;
    const scale = quantizeRow(vector, new Int8Array(buffer, place, vector.length));
    if (header.version === 1) view.setFloat32(AT.vectorScale, scale, true);
    else {
      const row = AT.table + ROW.bytes * index;
      view.setUint32(row + ROW.start, start, true);
      view.setUint32(row + ROW.end, end, true);
      view.setUint32(row + ROW.tokens, tokens, true);
      view.setFloat32(row + ROW.vectorScale, scale, true);
    }
    if (dtype === 'float16') writeHalves(view, at.states + token * dims * 2, states);
    else {
      const scales = new Float32Array(buffer, at.scales + 4 * token, tokens);
      writeQuantized(buffer, at.states, token, { dtype, dims, states, scales });
    }
    token += tokens;
  });
  view.setUint32(AT.crc, blobCrc(bytes), true);
  return bytes;
}

/**
 * Version 1 has no splitting, so all tokens have to be there, and a text that was cut has to have been cut where no
 * splitting at all would cut it.
 */
function isVersion1({ dtype, passages, truncated, splitting, dims }: PassagesSource): boolean {
  if (dtype === 'float16' || passages.length > 1 || splitting.rule !== RULES.all) return false;
  return !truncated || (splitting.most === 1 && passages[0]!.states.length / dims === splitting.tokens);
}

function writeQuantized(
  buffer: ArrayBuffer,
  at: number,
  token: number,
  {
    dtype,
    dims,
    states,
    scales,
  }: Pick<PassagesSource, 'dims'> &
    Pick<PassageSource, 'states'> & { dtype: 'int8' | 'int4'; scales: Float32Array },
): void {
  if (dtype === 'int8') {
    quantizeRows(states, dims, scales, new Int8Array(buffer, at + token * dims, states.length));
    return;
  }
  const values = new Int8Array(states.length);
  quantizeRows(states, dims, scales, values, LEVELS.int4);
  packNibbles(values, new Uint8Array(buffer, at + (token * dims) / 2, states.length / 2));
}

function writeHalves(view: DataView, at: number, states: Float32Array): void {
  states.forEach((value, index) => {
    view.setUint16(at + 2 * index, halfOf(value), true);
  });
}

type Written = Omit<StatesHeader, 'splitting'> & { readonly splitting: Splitting };

function writeHeader(view: DataView, bytes: Uint8Array, header: Written): void {
  view.setUint32(AT.magic, MAGIC, true);
  view.setUint8(AT.version, header.version);
  view.setUint8(AT.dtype, DTYPES[header.dtype]);
  view.setUint16(AT.dims, header.dims, true);
  view.setUint16(AT.vectorDims, header.vectorDims, true);
  view.setUint16(AT.flags, header.truncated ? FLAG_TRUNCATED : 0, true);
  view.setUint32(AT.tokens, header.tokens, true);
  bytes.set(Buffer.from(header.bundleId, 'hex'), AT.bundleId);
  bytes.set(Buffer.from(header.hash, 'hex'), AT.hash);
  if (header.version === 1) return;
  view.setUint32(AT.passages, header.passages, true);
  SPLITTING_MEMBERS.forEach((member, index) => {
    view.setUint16(AT.splitting + 2 * index, header.splitting[member], true);
  });
}
