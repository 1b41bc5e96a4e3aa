import { halfValue } from './float16.ts';
import {
  AT,
  DTYPES,
  FLAG_TRUNCATED,
  MAGIC,
  ROW,
  type StateDtype,
  type StatesHeader,
  sections,
  valueBytes,
} from './layout.ts';
import { unpackNibbles } from './nibbles.ts';
import { quantizeRows } from './quantize.ts';
import { RULES, SPLITTING_MEMBERS, type Splitting, unsplit } from './splitting.ts';

/** A header, or why there is none. */
export type HeaderReading =
  | { readonly kind: 'ok'; readonly header: StatesHeader }
  | { readonly kind: 'corrupt'; readonly reason: string };

/** Reads the header and holds length and passages against it; does not look at the payload. Never throws. */
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
  if (header.version === 2 && tokensInTable(view, header) !== header.tokens)
    return corrupt(`passages that do not have the ${header.tokens} tokens that the header announces`);
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
  if (version !== 1 && version !== 2) return `layout version ${version}; this release reads 1 and 2`;
  if (dtypeOf(dtype, version) === undefined) {
    const known = DTYPES_OF[version].map((name) => `${DTYPES[name]} (${name})`).join(' and ');
    return `dtype ${dtype}; this release reads ${known} in version ${version}`;
  }
  if ((flags & ~FLAG_TRUNCATED) !== 0) return `flags ${flags}; this release knows ${FLAG_TRUNCATED}`;
  if (version === 1) return undefined;
  if (view.byteLength < AT.table) return `${view.byteLength} bytes are less than a header`;
  return view.getUint32(AT.passages, true) === 0 ? 'they have no passage' : undefined;
}

const DTYPES_OF: Readonly<Record<1 | 2, readonly StateDtype[]>> = {
  1: ['int8', 'int4'],
  2: ['int8', 'int4', 'float16'],
};

function dtypeOf(number: number, version: 1 | 2): StateDtype | undefined {
  return DTYPES_OF[version].find((name) => DTYPES[name] === number);
}

/** Precondition: {@link formatFault} finds nothing. */
function headerOf(view: DataView, bytes: Uint8Array): StatesHeader {
  const version = view.getUint8(AT.version) as 1 | 2;
  const tokens = view.getUint32(AT.tokens, true);
  const truncated = (view.getUint16(AT.flags, true) & FLAG_TRUNCATED) !== 0;
  const passages = version === 1 ? 1 : view.getUint32(AT.passages, true);
  const made = version === 1 ? unsplit(tokens) : splittingOf(view);
  const whole = passages === 1 && !truncated && made.rule === RULES.all;
  return {
    version,
    dtype: dtypeOf(view.getUint8(AT.dtype), version)!,
    dims: view.getUint16(AT.dims, true),
    vectorDims: view.getUint16(AT.vectorDims, true),
    passages,
    tokens,
    truncated,
    splitting: whole ? undefined : made,
    bundleId: hex(bytes, AT.bundleId, 8),
    hash: hex(bytes, AT.hash, 16),
  };
}

function splittingOf(view: DataView): Splitting {
  const [tokens, overlap, most, rule] = SPLITTING_MEMBERS.map((_, index) =>
    view.getUint16(AT.splitting + 2 * index, true),
  ) as [number, number, number, number];
  return { tokens, overlap, most, rule };
}

/** Precondition: the table lies within the bytes. */
function tokensInTable(view: DataView, { passages }: StatesHeader): number {
  let tokens = 0;
  for (let row = AT.table; row < AT.table + ROW.bytes * passages; row += ROW.bytes)
    tokens += view.getUint32(row + ROW.tokens, true);
  return tokens;
}

function hex(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex');
}

/** Where a passage stands in its text, in UTF-16 units. */
export interface PassagePlace {
  readonly start: number;
  readonly end: number;
}

/** One passage of a blob. */
export interface PassageView {
  readonly tokens: number;
  /** Undefined in version 1, where the passage is all that was read. */
  readonly place: PassagePlace | undefined;
  readonly vectorScale: number;
  /** `vectorDims` long. */
  readonly vector: Int8Array;
}

export interface PassageStates extends PassageView {
  /** One per token. */
  readonly scales: Float32Array;
  /** Writes the states to `out` [tokens × dims], row-major, one value an entry whatever the dtype. */
  readonly layStates: (out: Int8Array) => void;
}

/** The passages without their states. Precondition as of {@link viewStates}. */
export function viewPassages(bytes: Uint8Array, header: StatesHeader): readonly PassageView[] {
  const { version, passages, vectorDims, tokens } = header;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { vectors } = sections(header);
  return Array.from({ length: passages }, (_, index) => {
    const vector = new Int8Array(bytes.buffer, bytes.byteOffset + vectors + index * vectorDims, vectorDims);
    if (version === 1)
      return { tokens, place: undefined, vectorScale: view.getFloat32(AT.vectorScale, true), vector };
    const row = AT.table + ROW.bytes * index;
    return {
      tokens: view.getUint32(row + ROW.tokens, true),
      place: { start: view.getUint32(row + ROW.start, true), end: view.getUint32(row + ROW.end, true) },
      vectorScale: view.getFloat32(row + ROW.vectorScale, true),
      vector,
    };
  });
}

/**
 * All passages, without a copy where the bytes start at a multiple of 4; int4 states are unpacked when they are laid
 * out, float16 ones quantised to int8, which is what the graphs take.
 * Precondition: {@link readHeader} or a check gave `header` for these `bytes`.
 */
export function viewStates(bytes: Uint8Array, header: StatesHeader): readonly PassageStates[] {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const { scales, lay } = quantizedOf(aligned, header);
  let token = 0;
  return viewPassages(aligned, header).map((passage) => {
    const from = token;
    token += passage.tokens;
    const to = token;
    return {
      ...passage,
      scales: scales.subarray(from, to),
      layStates: (out) => lay(from * header.dims, to * header.dims, out),
    };
  });
}

interface Quantized {
  /** One a token. */
  readonly scales: Float32Array;
  /** Writes the values from `start` to `end` to `out`. */
  readonly lay: (start: number, end: number, out: Int8Array) => void;
}

function quantizedOf(bytes: Uint8Array, header: StatesHeader): Quantized {
  const { buffer, byteOffset } = bytes;
  const { dtype, dims, tokens } = header;
  const at = sections(header);
  if (dtype === 'float16') {
    const [scales, states] = [new Float32Array(tokens), new Int8Array(tokens * dims)];
    quantizeRows(halves(bytes, header), dims, scales, states);
    return { scales, lay: (start, end, out) => out.set(states.subarray(start, end)) };
  }
  const scales = new Float32Array(buffer, byteOffset + at.scales, tokens);
  const stored = bytes.subarray(at.states, at.end);
  if (dtype === 'int4')
    return { scales, lay: (start, end, out) => unpackNibbles(stored.subarray(start / 2, end / 2), out) };
  const states = new Int8Array(stored.buffer, stored.byteOffset, stored.length);
  return { scales, lay: (start, end, out) => out.set(states.subarray(start, end)) };
}

/** The states of a float16 blob as they were, row-major, tokens × dims. Precondition as of {@link viewStates}. */
export function halves(bytes: Uint8Array, header: StatesHeader): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + sections(header).states);
  return Float32Array.from({ length: header.tokens * header.dims }, (_, index) =>
    halfValue(view.getUint16(2 * index, true)),
  );
}
