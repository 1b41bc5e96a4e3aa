/** The only door to ONNX Runtime. `run` blocks its thread for the whole inference: sessions live in worker threads. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { MiceError, messageOf } from '../errors.ts';
import { productOptions } from './exact-products.ts';
import type { Signature } from './signatures.ts';

export type TensorData = Float32Array | Int8Array | BigInt64Array;

export interface Input {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

/** The signature is what the graph must have, so that a wrong file is refused when it is opened. */
export interface SessionOptions extends Signature {
  /** Threads of one inference; more than 1 only pays where fewer model threads run than there are cores. */
  readonly intraOpThreads: number;
}

export interface Session {
  /** Every output is float32 and belongs to the runtime: copy what is to be kept. */
  run(inputs: Readonly<Record<string, Input>>): Promise<Readonly<Record<string, Float32Array>>>;
  close(): Promise<void>;
}

/** @throws MiceError `bundle-invalid` when the file is not a graph with these inputs and outputs. */
export async function openSession(path: string, options: SessionOptions): Promise<Session> {
  const session = await create(path, options);
  const absent = [
    ...options.inputs.filter((name) => !session.inputNames.includes(name)),
    ...options.outputs.filter((name) => !session.outputNames.includes(name)),
  ];
  if (absent.length > 0) throw invalid(path, `it has no ${absent.join(', ')}`);
  return { run: (inputs) => run(session, inputs), close: () => session.release() };
}

async function create(path: string, options: SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: options.intraOpThreads,
      interOpNumThreads: 1,
      ...productOptions(),
      // What fails is thrown; the runtime's own lines on standard error would say it twice.
      logSeverityLevel: 4,
    });
  } catch (cause) {
    throw invalid(path, messageOf(cause), cause);
  }
}

async function run(session: InferenceSession, inputs: Readonly<Record<string, Input>>) {
  const feeds = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, tensor(input)]));
  const outputs = await session.run(feeds);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, (value as Tensor).data as Float32Array]),
  );
}

function tensor({ data, dims }: Input): Tensor {
  if (data instanceof Float32Array) return new Tensor('float32', data, dims);
  if (data instanceof Int8Array) return new Tensor('int8', data, dims);
  return new Tensor('int64', data, dims);
}

function invalid(path: string, what: string, cause?: unknown): MiceError {
  const hint = 'docs/model.md lists the inputs and outputs of each graph.';
  return new MiceError('bundle-invalid', `${path}: ${what}.`, { hint, cause });
}
