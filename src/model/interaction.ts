/** The interaction layers: query states and stored document states to scores. */
import type { PassageStates } from '../states/decode.ts';
import type { Bundle } from './bundle.ts';
import { cosine } from './cosine.ts';
import type { ScoreParts } from './model.ts';
import { readStates } from './read-states.ts';
import type { Input, Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import type { ScoreTask } from './tasks.ts';

/** Of one inference. Tasks of short documents are within it as they come; passages of long ones may be more. */
const BATCH = { tokens: 3072, rows: 32 };

/**
 * interaction + cosineWeight × cosine of each document of the task, in its order: of its best passage.
 * @throws MiceError `states-corrupt` or `states-foreign`
 */
export async function scoreDocuments(session: Session, bundle: Bundle, task: ScoreTask): Promise<ScoreParts> {
  const documents = task.starts.map((start, at) =>
    readStates(task.slab.subarray(start, start + task.sizes[at]!), bundle),
  );
  const scored = await scorePassages(session, bundle, task, documents.flat());
  const scores = new Float32Array(documents.length);
  const passages = new Uint32Array(documents.length);
  let first = 0;
  documents.forEach(({ length }, at) => {
    let best = 0;
    for (let next = 1; next < length; next++) if (scored[first + next]! > scored[first + best]!) best = next;
    scores[at] = scored[first + best]!;
    passages[at] = best;
    first += length;
  });
  return { scores, passages };
}

async function scorePassages(
  session: Session,
  bundle: Bundle,
  task: ScoreTask,
  passages: readonly PassageStates[],
): Promise<Float32Array> {
  const query: Input = {
    data: task.queryStates,
    dims: [task.queryStates.length / bundle.dims.hidden, bundle.dims.hidden],
  };
  const { cosineWeight } = bundle.score;
  const scored = new Float32Array(passages.length);
  const lengths = passages.map(({ tokens }) => tokens);
  for (const rows of sliceByLength(lengths, BATCH)) {
    const batch = rows.map((row) => passages[row]!);
    const { scores } = await session.run({ query_states: query, ...storedInputs(batch, bundle.dims.states) });
    rows.forEach((row, at) => {
      scored[row] = scores![at]! + cosineWeight * cosine(task.queryVector, batch[at]!.vector);
    });
  }
  return scored;
}

/** Passages as the inputs of the interaction graph, padded to the longest; lengths say where padding starts. */
export function storedInputs(
  passages: readonly PassageStates[],
  dims: number,
): Record<'document_states' | 'document_scales' | 'document_lengths', Input> {
  const rows = passages.length;
  const longest = Math.max(...passages.map(({ scales }) => scales.length));
  const states = new Int8Array(rows * longest * dims);
  const scales = new Float32Array(rows * longest);
  const lengths = new BigInt64Array(rows);
  passages.forEach((passage, row) => {
    const start = row * longest * dims;
    passage.layStates(states.subarray(start, start + passage.tokens * dims));
    scales.set(passage.scales, row * longest);
    lengths[row] = BigInt(passage.scales.length);
  });
  return {
    document_states: { data: states, dims: [rows, longest, dims] },
    document_scales: { data: scales, dims: [rows, longest] },
    document_lengths: { data: lengths, dims: [rows] },
  };
}
