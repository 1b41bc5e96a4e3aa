/** Single matrix products, which show what the machine can do at most, and MaxSim. */
import { OnnxGraph } from './onnx-graph.ts';
import type { Bytes } from './protobuf.ts';
import { randomBytes, randomFloats } from './random-values.ts';

/** x [M,inner] → y [M,outer], in float32. */
export function floatProduct(inner: number, outer: number): Bytes {
  const graph = new OnnxGraph();
  const x = graph.input('x', 'float32', ['M', inner]);
  const weight = graph.constant(randomFloats(inner * outer), [inner, outer]);
  graph.output(graph.op('MatMul', [x, weight]), 'y', ['M', outer]);
  return graph.file();
}

/** x int8 [M,inner] → y [M,outer]: uint8 times int8, which is the pair that kernels are fast at, and scaled in passing. */
export function integerProduct(inner: number, outer: number): Bytes {
  const graph = new OnnxGraph();
  const x = graph.op('Cast', [graph.input('x', 'int8', ['M', inner])], { to: 2 });
  const weight = graph.constant(randomBytes(inner * outer, Int8Array), [inner, outer]);
  const scale = graph.float(1e-3);
  graph.output(graph.ownOp('MatMulIntegerToFloat', [x, weight, scale, scale]), 'y', ['M', outer]);
  return graph.file();
}

/** ColBERT's score over the same inputs as the interaction graph, in float32: sum over query tokens of the best product. */
export function maxSim(dims: number): Bytes {
  const graph = new OnnxGraph();
  const query = graph.input('query_states', 'float32', ['Tq', dims]);
  const values = graph.op('Cast', [graph.input('document_states', 'int8', ['N', 'Td', dims])], { to: 1 });
  const scales = graph.op('Unsqueeze', [
    graph.input('document_scales', 'float32', ['N', 'Td']),
    graph.ints([2]),
  ]);
  const states = graph.op('Mul', [values, scales]);
  const products = graph.op('MatMul', [query, graph.op('Transpose', [states], { perm: [0, 2, 1] })]);
  const best = graph.op('ReduceMax', [products, graph.ints([2])], { keepdims: 0 });
  graph.output(graph.op('ReduceSum', [best, graph.ints([1])], { keepdims: 0 }), 'scores', ['N']);
  return graph.file();
}
