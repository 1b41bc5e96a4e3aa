/** BERT encoders of any size with random weights: how long they take does not depend on what they have learnt. */
import { OnnxGraph } from './onnx-graph.ts';
import type { Bytes } from './protobuf.ts';
import { randomBytes, randomFloats } from './random-values.ts';

/**
 * How big matrices are kept and multiplied. `float32`; `int8-blocks`: MatMulNBits with 8 bits and a scale for 32
 * weights, a form that bundles are exported in; `int8-dynamic`: DynamicQuantizeMatMul, what ONNX Runtime's own dynamic
 * quantisation makes of a graph, with one scale for all activations of a batch.
 */
export type Form = 'float32' | 'int8-blocks' | 'int8-dynamic';

export interface EncoderShape {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  /** `score`: what a cross-encoder gives for its `[CLS]` row, which is all that the last layer computes then. */
  readonly gives: 'vector' | 'score';
  readonly form: Form;
}

/** Token ids that are looked up, so few that every bundle has them; a longer table would take no more time. */
export const VOCABULARY = 100;
const POSITIONS = 512;
const BLOCK = 32;
const BLOCKED = -10_000;

/** input_ids, attention_mask int64 [B,T] → `vector` [B,hidden] or `scores` [B]. */
export function randomEncoder(shape: EncoderShape): Bytes {
  const graph = new OnnxGraph();
  const encoder = new Encoder(graph, shape);
  const ids = graph.input('input_ids', 'int64', ['B', 'T']);
  const mask = graph.op('Cast', [graph.input('attention_mask', 'int64', ['B', 'T'])], { to: 1 });
  let x = encoder.embed(ids);
  const bias = encoder.bias(mask);
  for (let layer = 1; layer <= shape.layers; layer++)
    x = encoder.layer(x, bias, shape.gives === 'score' && layer === shape.layers);
  if (shape.gives === 'score') graph.output(encoder.score(x), 'scores', ['B']);
  else graph.output(encoder.mean(x, mask), 'vector', ['B', shape.hidden]);
  return graph.file();
}

class Encoder {
  readonly #graph: OnnxGraph;
  readonly #shape: EncoderShape;

  constructor(graph: OnnxGraph, shape: EncoderShape) {
    this.#graph = graph;
    this.#shape = shape;
  }

  embed(ids: string): string {
    const { hidden } = this.#shape;
    const graph = this.#graph;
    const words = graph.op('Gather', [
      graph.constant(randomFloats(VOCABULARY * hidden), [VOCABULARY, hidden]),
      ids,
    ]);
    const count = graph.op('Gather', [graph.op('Shape', [ids]), graph.ints([1])]);
    const table = graph.constant(randomFloats(POSITIONS * hidden), [POSITIONS, hidden]);
    const positions = graph.op('Slice', [table, graph.ints([0]), count, graph.ints([0])]);
    return this.#norm(graph.op('Add', [words, positions]));
  }

  /** BLOCKED at padding: [B,1,1,T]. */
  bias(mask: string): string {
    const graph = this.#graph;
    const blocked = graph.op('Mul', [graph.op('Sub', [graph.float(1), mask]), graph.float(BLOCKED)]);
    return graph.op('Unsqueeze', [blocked, graph.ints([1, 2])]);
  }

  layer(x: string, bias: string, firstRowOnly: boolean): string {
    const { hidden } = this.#shape;
    const graph = this.#graph;
    const rows = firstRowOnly ? this.#firstRow(x) : x;
    const attended = this.#norm(graph.op('Add', [this.#attention(x, rows, bias), rows]));
    const inner = graph.op('Gelu', [this.#linear(attended, hidden, 4 * hidden)]);
    return this.#norm(graph.op('Add', [this.#linear(inner, 4 * hidden, hidden), attended]));
  }

  score(x: string): string {
    const { hidden } = this.#shape;
    const graph = this.#graph;
    const pooled = graph.op('Tanh', [
      this.#linear(graph.op('Squeeze', [x, graph.ints([1])]), hidden, hidden),
    ]);
    const head = graph.op('MatMul', [pooled, graph.constant(randomFloats(hidden), [hidden, 1])]);
    return graph.op('Squeeze', [head, graph.ints([1])]);
  }

  /** Of unit length, over the unmasked tokens. */
  mean(x: string, mask: string): string {
    const graph = this.#graph;
    const kept = graph.op('Mul', [x, graph.op('Unsqueeze', [mask, graph.ints([2])])]);
    const total = graph.op('ReduceSum', [kept, graph.ints([1])], { keepdims: 0 });
    return graph.op('Div', [total, graph.op('ReduceL2', [total, graph.ints([1])], { keepdims: 1 })]);
  }

  #attention(x: string, rows: string, bias: string): string {
    const { hidden, heads } = this.#shape;
    const graph = this.#graph;
    const width = hidden / heads;
    const [q, k, v] =
      rows === x
        ? graph.split(this.#linear(x, hidden, 3 * hidden), 3)
        : [this.#linear(rows, hidden, hidden), ...graph.split(this.#linear(x, hidden, 2 * hidden), 2)];
    const byHead = (of: string, perm: readonly number[]) =>
      graph.op('Transpose', [graph.op('Reshape', [of, graph.ints([0, -1, heads, width])])], { perm });
    const scaled = graph.op('Mul', [q!, graph.float(1 / Math.sqrt(width))]);
    const logits = graph.op('MatMul', [byHead(scaled, [0, 2, 1, 3]), byHead(k!, [0, 2, 3, 1])]);
    const weights = graph.op('Softmax', [graph.op('Add', [logits, bias])], { axis: -1 });
    const read = graph.op('Transpose', [graph.op('MatMul', [weights, byHead(v!, [0, 2, 1, 3])])], {
      perm: [0, 2, 1, 3],
    });
    return this.#linear(graph.op('Reshape', [read, graph.ints([0, -1, hidden])]), hidden, hidden);
  }

  #firstRow(x: string): string {
    const graph = this.#graph;
    return graph.op('Slice', [x, graph.ints([0]), graph.ints([1]), graph.ints([1])]);
  }

  #norm(x: string): string {
    const { hidden } = this.#shape;
    const ones = this.#graph.constant(new Float32Array(hidden).fill(1), [hidden]);
    const zeros = this.#graph.constant(new Float32Array(hidden), [hidden]);
    return this.#graph.op('LayerNormalization', [x, ones, zeros], { axis: -1 });
  }

  #linear(x: string, inner: number, outer: number): string {
    const graph = this.#graph;
    const bias = graph.constant(randomFloats(outer), [outer]);
    if (this.#shape.form === 'float32') {
      const weight = graph.constant(randomFloats(inner * outer), [inner, outer]);
      return graph.op('Add', [graph.op('MatMul', [x, weight]), bias]);
    }
    if (this.#shape.form === 'int8-dynamic') {
      const weight = graph.constant(randomBytes(inner * outer, Int8Array), [inner, outer]);
      const scales = graph.constant(new Float32Array(outer).fill(1e-3), [outer]);
      return graph.ownOp('DynamicQuantizeMatMul', [x, weight, scales, '', bias]);
    }
    const blocks = inner / BLOCK;
    const weight = graph.constant(randomBytes(inner * outer, Uint8Array), [outer, blocks, BLOCK]);
    const scales = graph.constant(new Float32Array(outer * blocks).fill(1e-3), [outer, blocks]);
    const attributes = { K: inner, N: outer, bits: 8, block_size: BLOCK, accuracy_level: 4 };
    return graph.op('Add', [graph.ownOp('MatMulNBits', [x, weight, scales], attributes), bias]);
  }
}
