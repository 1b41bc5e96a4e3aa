/** The interaction layers: query states and stored document states to scores. */
import { cosine } from '../states/cosine.ts';
import type { PassageStates } from '../states/decode.ts';
import type { Bundle } from './bundle.ts';
import { readStates } from './read-states.ts';
import type { Input, Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import type { ScoredTask, ScoreTask } from './tasks.ts';

/**
 * Of one inference, a whole task as a rule: the graph reads the documents in groups that fit a core's cache, and does
 * the rest for all at once, where weights are read once. Documents of several passages may be more.
 */
const BATCH = { tokens: 12_288, rows: 96 };

/** Padded tokens are a multiple of it: products handle this many columns in one, and what is left over by itself. */
const COLUMNS = 16;

/**
 * interaction + cosineWeight × cosine of each document of the task, in its order: of its best passage.
 * @throws MiceError `states-corrupt` or `states-foreign`
 */
export async function scoreDocuments(session: Session, bundle: Bundle, task: ScoreTask): Promise<ScoredTask> {
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
  return { scores, passages, slab: task.slab.buffer };
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
    const { scores } = await session.run({
      query_states: query,
      ...storedInputs(inCompany(batch), bundle.dims.states),
    });
    rows.forEach((row, at) => {
      scored[row] = scores![at]! + cosineWeight * cosine(task.queryVector, batch[at]!.vector);
    });
  }
  return scored;
}

/**
 * A lone passage twice. The runtime's float32 product takes the sums of a single row in another order, and the
 * rounding to integers behind it can make a whole step of the last bit. From two rows on a score is, bit for bit,
 * the same with any others and any padding.
 */
function inCompany(batch: readonly PassageStates[]): readonly PassageStates[] {
  return batch.length === 1 ? [batch[0]!, batch[0]!] : batch;
}

/**
 * Where one batch after the other is laid out: a thread has one inference at a time, and fresh arrays, megabytes each,
 * would have the engine collect garbage every few searches.
 */
const room = { states: new Int8Array(0), scales: new Float32Array(0) };

function makeRoom(tokens: number, dims: number): typeof room {
  if (room.states.length < tokens * dims) room.states = new Int8Array(tokens * dims);
  if (room.scales.length < tokens) room.scales = new Float32Array(tokens);
  return { states: room.states.subarray(0, tokens * dims), scales: room.scales.subarray(0, tokens) };
}

/**
 * Passages as the inputs of the interaction graph, padded alike; lengths say where padding starts. They hold
 * until the next call, which lays out its own in the same memory.
 */
export function storedInputs(
  passages: readonly PassageStates[],
  dims: number,
): Record<'document_states' | 'document_scales' | 'document_lengths', Input> {
  const rows = passages.length;
  const longest = COLUMNS * Math.ceil(Math.max(...passages.map(({ tokens }) => tokens)) / COLUMNS);
  const { states, scales } = makeRoom(rows * longest, dims);
  const lengths = new BigInt64Array(rows);
  passages.forEach((passage, row) => {
    const start = row * longest;
    const end = start + passage.tokens;
    passage.layStates(states.subarray(start * dims, end * dims));
    states.fill(0, end * dims, (start + longest) * dims);
    scales.set(passage.scales, start);
    scales.fill(0, end, start + longest);
    lengths[row] = BigInt(passage.tokens);
  });
  return {
    document_states: { data: states, dims: [rows, longest, dims] },
    document_scales: { data: scales, dims: [rows, longest] },
    document_lengths: { data: lengths, dims: [rows] },
  };
}
