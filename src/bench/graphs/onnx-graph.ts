/**
 * A writer of small ONNX files, for graphs that are measured and never shipped: those of a bundle come from training/.
 * Field numbers are those of onnx.proto.
 */
import { type Bytes, bytes, bytesOf, concat, float, integer, message, text } from './protobuf.ts';

const OPSET = 21;
const IR_VERSION = 10;
const DTYPES = { float32: 1, uint8: 2, int8: 3, int64: 7 } as const;
type Dtype = keyof typeof DTYPES;

export type Values = Float32Array | Uint8Array | Int8Array | BigInt64Array;
/** Whole numbers are written as INT, lists as INTS, `{ float }` as FLOAT. */
export type Attribute = number | readonly number[] | { readonly float: number };

/** Nodes are added in order; every method gives the name of the value it makes. */
export class OnnxGraph {
  readonly #nodes: Bytes[] = [];
  readonly #tensors: Bytes[] = [];
  readonly #inputs: Bytes[] = [];
  readonly #outputs: Bytes[] = [];
  #count = 0;

  /** @param dims a name stands for a size that is known at run time */
  input(name: string, dtype: Dtype, dims: readonly (number | string)[]): string {
    this.#inputs.push(message(11, valueInfo(name, dtype, dims)));
    return name;
  }

  op(kind: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.#add(kind, inputs, 1, attributes)[0]!;
  }

  /** An operator of ONNX Runtime's own. */
  ownOp(kind: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}) {
    return this.#add(kind, inputs, 1, attributes, 'com.microsoft')[0]!;
  }

  /** Into equal parts along the last axis. */
  split(x: string, parts: number): readonly string[] {
    return this.#add('Split', [x], parts, { axis: -1, num_outputs: parts });
  }

  constant(values: Values, dims: readonly number[]): string {
    const name = `w${++this.#count}`;
    const parts = [
      ...dims.map((size) => integer(1, size)),
      integer(2, DTYPES[dtypeOf(values)]),
      text(8, name),
    ];
    this.#tensors.push(message(5, [...parts, bytes(9, bytesOf(values))]));
    return name;
  }

  ints(values: readonly number[]): string {
    return this.constant(BigInt64Array.from(values, BigInt), [values.length]);
  }

  float(value: number): string {
    return this.constant(Float32Array.of(value), []);
  }

  output(x: string, name: string, dims: readonly (number | string)[], dtype: Dtype = 'float32'): void {
    this.#nodes.push(message(1, nodeParts('Identity', [x], [name], {}, '')));
    this.#outputs.push(message(12, valueInfo(name, dtype, dims)));
  }

  file(): Bytes {
    const graph = [...this.#nodes, text(2, 'measured'), ...this.#tensors, ...this.#inputs, ...this.#outputs];
    const opsets = ['', 'com.microsoft'].map((domain) =>
      message(8, [text(1, domain), integer(2, domain === '' ? OPSET : 1)]),
    );
    return concat([integer(1, IR_VERSION), message(7, graph), ...opsets]);
  }

  #add(
    kind: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, Attribute>>,
    domain = '',
  ): readonly string[] {
    const names = Array.from({ length: outputs }, () => `v${++this.#count}`);
    this.#nodes.push(message(1, nodeParts(kind, inputs, names, attributes, domain)));
    return names;
  }
}

function nodeParts(
  kind: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
  domain: string,
): readonly Bytes[] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, kind),
    ...Object.entries(attributes).map(([name, value]) => message(5, attributeParts(name, value))),
    text(7, domain),
  ];
}

function attributeParts(name: string, value: Attribute): readonly Bytes[] {
  if (typeof value === 'number') return [text(1, name), signed(3, value), integer(20, 2)];
  if ('float' in value) return [text(1, name), float(2, value.float), integer(20, 1)];
  return [text(1, name), ...value.map((one) => signed(8, one)), integer(20, 7)];
}

/** int64 as protobuf writes it: a negative number takes ten bytes, those of its two's complement. */
function signed(field: number, value: number): Bytes {
  if (value >= 0) return integer(field, value);
  const out: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); rest > 0n; rest >>= 7n)
    out.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
  return Uint8Array.from([field << 3, ...out]);
}

function valueInfo(name: string, dtype: Dtype, dims: readonly (number | string)[]): readonly Bytes[] {
  const shape = dims.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]));
  return [text(1, name), message(2, [message(1, [integer(1, DTYPES[dtype]), message(2, shape)])])];
}

function dtypeOf(values: Values): Dtype {
  if (values instanceof Float32Array) return 'float32';
  if (values instanceof Int8Array) return 'int8';
  return values instanceof Uint8Array ? 'uint8' : 'int64';
}
