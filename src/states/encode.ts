import { blobCrc } from './crc.ts';
import {
  AT,
  DTYPES,
  FLAG_TRUNCATED,
  MAGIC,
  type StateDtype,
  type StatesHeader,
  sections,
  VERSION,
} from './layout.ts';
import { packNibbles } from './nibbles.ts';
import { LEVELS, quantizeRow, quantizeRows } from './quantize.ts';

export interface StatesSource {
  /** 16 hex characters. */
  readonly bundleId: string;
  /** 32 hex characters, of {@link file://./hash.ts contentHash}. */
  readonly hash: string;
  readonly truncated: boolean;
  readonly dtype: StateDtype;
  /** Values a token; even for int4. */
  readonly dims: number;
  readonly vector: Float32Array;
  /** Row-major, tokens × dims. */
  readonly states: Float32Array;
}

/** Quantises vector and states and lays them out as {@link file://./layout.ts} says, in a buffer of their own. */
export function encodeStates(source: StatesSource): Uint8Array<ArrayBuffer> {
  const { dtype, dims, vector, states } = source;
  const tokens = states.length / dims;
  const at = sections({ dtype, dims, vectorDims: vector.length, tokens });
  const buffer = new ArrayBuffer(at.end);
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  writeHeader(view, bytes, { ...source, tokens, vectorDims: vector.length });
  view.setFloat32(AT.vectorScale, quantizeRow(vector, new Int8Array(buffer, at.vector, vector.length)), true);
  const scales = new Float32Array(buffer, at.scales, tokens);
  if (dtype === 'int8') quantizeRows(states, dims, scales, new Int8Array(buffer, at.states));
  else {
    const values = new Int8Array(states.length);
    quantizeRows(states, dims, scales, values, LEVELS.int4);
    packNibbles(values, new Uint8Array(buffer, at.states));
  }
  view.setUint32(AT.crc, blobCrc(bytes), true);
  return bytes;
}

function writeHeader(view: DataView, bytes: Uint8Array, header: Omit<StatesHeader, 'version'>): void {
  view.setUint32(AT.magic, MAGIC, true);
  view.setUint8(AT.version, VERSION);
  view.setUint8(AT.dtype, DTYPES[header.dtype]);
  view.setUint16(AT.dims, header.dims, true);
  view.setUint16(AT.vectorDims, header.vectorDims, true);
  view.setUint16(AT.flags, header.truncated ? FLAG_TRUNCATED : 0, true);
  view.setUint32(AT.tokens, header.tokens, true);
  bytes.set(Buffer.from(header.bundleId, 'hex'), AT.bundleId);
  bytes.set(Buffer.from(header.hash, 'hex'), AT.hash);
}
