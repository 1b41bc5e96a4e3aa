/** The interaction layers: query states and stored document states to scores. */
import type { StatesView } from '../states/decode.ts';
import type { Bundle } from './bundle.ts';
import { cosine } from './cosine.ts';
import { readStates } from './read-states.ts';
import type { Input, Session } from './session.ts';
import type { ScoreTask } from './tasks.ts';

/**
 * interaction + cosineWeight × cosine of each document of the task, in its order.
 * @throws MiceError `states-corrupt` or `states-foreign`
 */
export async function scoreDocuments(
  session: Session,
  bundle: Bundle,
  task: ScoreTask,
): Promise<Float32Array> {
  const documents = task.starts.map((start, at) =>
    readStates(task.slab.subarray(start, start + task.sizes[at]!), bundle),
  );
  const { scores } = await session.run({
    query_states: {
      data: task.queryStates,
      dims: [task.queryStates.length / bundle.dims.hidden, bundle.dims.hidden],
    },
    ...padded(documents, bundle.dims.states),
  });
  const { cosineWeight } = bundle.score;
  return Float32Array.from(
    documents,
    ({ vector }, at) => scores![at]! + cosineWeight * cosine(task.queryVector, vector),
  );
}

/** Documents as the inputs of the interaction graph, padded to the longest; lengths say where padding starts. */
function padded(documents: readonly StatesView[], dims: number): Record<string, Input> {
  const rows = documents.length;
  const longest = Math.max(...documents.map(({ scales }) => scales.length));
  const states = new Int8Array(rows * longest * dims);
  const scales = new Float32Array(rows * longest);
  const lengths = new BigInt64Array(rows);
  documents.forEach((document, row) => {
    states.set(document.states, row * longest * dims);
    scales.set(document.scales, row * longest);
    lengths[row] = BigInt(document.scales.length);
  });
  return {
    document_states: { data: states, dims: [rows, longest, dims] },
    document_scales: { data: scales, dims: [rows, longest] },
    document_lengths: { data: lengths, dims: [rows] },
  };
}
