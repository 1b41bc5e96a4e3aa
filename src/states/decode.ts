import {
  AT,
  DTYPES,
  FLAG_TRUNCATED,
  MAGIC,
  type StateDtype,
  type StatesHeader,
  sections,
  VERSION,
  valueBytes,
} from './layout.ts';
import { unpackNibbles } from './nibbles.ts';

/** A header, or why there is none. */
export type HeaderReading =
  | { readonly kind: 'ok'; readonly header: StatesHeader }
  | { readonly kind: 'corrupt'; readonly reason: string };

/** Reads the header and holds the length against it; does not look at the payload. Never throws. */
export function readHeader(bytes: Uint8Array): HeaderReading {
  if (bytes.length < AT.vector) return corrupt(`${bytes.length} bytes are less than a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const fault = formatFault(view);
  if (fault !== undefined) return corrupt(fault);
  const header = headerOf(view, bytes);
  if (!Number.isInteger(valueBytes(header)))
    return corrupt(`${header.dims} int4 values a token, not an even number`);
  const { end } = sections(header);
  if (end !== bytes.length) return corrupt(`${bytes.length} bytes where the header announces ${end}`);
  return { kind: 'ok', header };
}

function corrupt(reason: string): HeaderReading {
  return { kind: 'corrupt', reason };
}

function formatFault(view: DataView): string | undefined {
  const version = view.getUint8(AT.version);
  const dtype = view.getUint8(AT.dtype);
  const flags = view.getUint16(AT.flags, true);
  if (view.getUint32(AT.magic, true) !== MAGIC) return 'they do not start with MICE';
  if (version !== VERSION) return `layout version ${version}; this release reads ${VERSION}`;
  if (dtypeOf(dtype) === undefined)
    return `dtype ${dtype}; this release reads ${DTYPES.int8} (int8) and ${DTYPES.int4} (int4)`;
  if ((flags & ~FLAG_TRUNCATED) !== 0) return `flags ${flags}; this release knows ${FLAG_TRUNCATED}`;
  return undefined;
}

function dtypeOf(number: number): StateDtype | undefined {
  if (number === DTYPES.int8) return 'int8';
  return number === DTYPES.int4 ? 'int4' : undefined;
}

/** Precondition: {@link formatFault} finds nothing. */
function headerOf(view: DataView, bytes: Uint8Array): StatesHeader {
  return {
    version: VERSION,
    dtype: dtypeOf(view.getUint8(AT.dtype))!,
    dims: view.getUint16(AT.dims, true),
    vectorDims: view.getUint16(AT.vectorDims, true),
    tokens: view.getUint32(AT.tokens, true),
    truncated: (view.getUint16(AT.flags, true) & FLAG_TRUNCATED) !== 0,
    bundleId: hex(bytes, AT.bundleId, 8),
    hash: hex(bytes, AT.hash, 16),
  };
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex');
}

/** The sections of a blob, without a copy where its bytes start at a multiple of 4; int4 states are unpacked. */
export interface StatesView {
  readonly vectorScale: number;
  /** `vectorDims` long. */
  readonly vector: Int8Array;
  /** One per token. */
  readonly scales: Float32Array;
  /** Row-major, tokens × dims, one value an entry whatever the dtype. */
  readonly states: Int8Array;
}

/** The vector alone. Precondition as of {@link viewStates}. */
export function viewVector({ buffer, byteOffset }: Uint8Array, { vectorDims }: StatesHeader): Int8Array {
  return new Int8Array(buffer, byteOffset + AT.vector, vectorDims);
}

/** Precondition: {@link readHeader} or a check gave `header` for these `bytes`. */
export function viewStates(bytes: Uint8Array, header: StatesHeader): StatesView {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset } = aligned;
  const at = sections(header);
  return {
    vectorScale: new DataView(buffer, byteOffset).getFloat32(AT.vectorScale, true),
    vector: viewVector(aligned, header),
    scales: new Float32Array(buffer, byteOffset + at.scales, header.tokens),
    states:
      header.dtype === 'int4'
        ? unpackNibbles(aligned.subarray(at.states, at.end))
        : new Int8Array(buffer, byteOffset + at.states, header.tokens * header.dims),
  };
}
