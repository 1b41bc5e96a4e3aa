/** Enough of protobuf's wire format to write an ONNX file (protobuf.dev/programming-guides/encoding). */

export type Bytes = Uint8Array<ArrayBufferLike>;

const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;

/** A whole number, not negative. */
export function integer(field: number, value: number): Bytes {
  return Uint8Array.from([...varint((field << 3) | VARINT), ...varint(value)]);
}

export function float(field: number, value: number): Bytes {
  return concat([Uint8Array.from(varint((field << 3) | FIXED32)), bytesOf(Float32Array.of(value))]);
}

export function text(field: number, value: string): Bytes {
  return bytes(field, Buffer.from(value));
}

export function message(field: number, parts: readonly Bytes[]): Bytes {
  return bytes(field, concat(parts));
}

export function bytes(field: number, content: Bytes): Bytes {
  return concat([Uint8Array.from([...varint((field << 3) | LENGTH), ...varint(content.length)]), content]);
}

export function concat(parts: readonly Bytes[]): Bytes {
  return Buffer.concat(parts);
}

export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Bytes {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function varint(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) + 128);
  out.push(rest);
  return out;
}
