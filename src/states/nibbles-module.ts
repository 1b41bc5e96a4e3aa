/**
 * Unpacks int4 values sixteen bytes at a time: a WebAssembly module with vectors of 128 bits, which JavaScript lacks. As
 * it is one loop it is written out here, in the binary format (WebAssembly 2.0, chapter 5).
 */

/** Its types come with the browser's, which a server has no other use for. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What is stored above a value, so that a half is not negative. */
export const OFFSET = 8;

/** Bytes that are unpacked at most in one go; with what they become they fit a core's first cache. */
export const GO_BYTES = 16_384;

const VECTOR = 16;
/** Alignment of a vector, as a power of 2. */
const ALIGNED = 4;
const I32 = 0x7f;
const V128 = 0x7b;

/** The function's parameter, how many bytes there are, and its own variables. */
const END = 0;
const AT = 1;
const LOW = 2;
const HIGH = 3;

const get = (variable: number) => [0x20, variable];
const set = (variable: number) => [0x21, variable];
const tee = (variable: number) => [0x22, variable];
const number = (value: number) => [0x41, value];
const SHIFT_LEFT = 0x74;
const ADD = 0x6a;
const LESS = 0x49;
const LOOP = [0x03, 0x40];
const AGAIN_IF = [0x0d, 0];
const CLOSE = 0x0b;

const load = [0xfd, 0x00, ALIGNED, 0];
const store = (offset: number) => [0xfd, 0x0b, ALIGNED, ...leb(offset)];
const everyByte = (value: number) => [0xfd, 0x0c, ...Array<number>(VECTOR).fill(value)];
const shuffle = (lanes: readonly number[]) => [0xfd, 0x0d, ...lanes];
const AND = [0xfd, 0x4e];
const SHIFT_BYTES_RIGHT = [0xfd, 0x6d];
const SUBTRACT_BYTES = [0xfd, 0x71];

/** An unsigned number in LEB128. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >> 7)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

/** Stores the values of eight bytes from lane `first` on, each byte's low half before its high one, less {@link OFFSET}. */
function storeHalves(first: number, offset: number): number[] {
  const lanes = Array.from({ length: VECTOR }, (_, at) => first + (at >> 1) + (at % 2) * VECTOR);
  const address = [...get(AT), ...number(1), SHIFT_LEFT];
  const values = [...get(LOW), ...get(HIGH), ...shuffle(lanes), ...everyByte(OFFSET), ...SUBTRACT_BYTES];
  return [...address, ...values, ...store(offset)];
}

/** For `at` from 0 in steps of 16 until it is not below `end`, at least once. */
const body = [
  ...[2, 1, I32, 2, V128],
  ...LOOP,
  ...[...get(AT), ...load, ...tee(LOW), ...number(4), ...SHIFT_BYTES_RIGHT, ...set(HIGH)],
  ...[...get(LOW), ...everyByte(15), ...AND, ...set(LOW)],
  ...[...storeHalves(0, GO_BYTES), ...storeHalves(VECTOR / 2, GO_BYTES + VECTOR)],
  ...[...get(AT), ...number(VECTOR), ADD, ...tee(AT), ...get(END), LESS, ...AGAIN_IF, CLOSE],
  CLOSE,
];

/** One function of an int32 that gives nothing, `u`, and one page of memory, `m`. */
const module = new WebAssembly.Module(
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, 1, 0x6d, 2, 0, 1, 0x75, 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]),
);

const { m: memory, u: unpack } = new WebAssembly.Instance(module).exports as {
  readonly m: { readonly buffer: ArrayBuffer };
  readonly u: (bytes: number) => void;
};

/** Packed bytes. */
export const input = new Uint8Array(memory.buffer, 0, GO_BYTES);
/** Their values, after {@link unpackInput}. */
export const output = new Int8Array(memory.buffer, GO_BYTES, 2 * GO_BYTES);
/** Unpacks the first `bytes` of {@link input}, and those up to the next multiple of 16. */
export const unpackInput: (bytes: number) => void = unpack;
