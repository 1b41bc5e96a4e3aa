import type { Prepare } from './call.ts';
import type { EncodedQuery } from './model.ts';
import type { ScoreTask } from './tasks.ts';

/**
 * Slabs that came back from the threads. Fresh ones, a megabyte a search, would have the engine collect garbage every few
 * searches, for longer than the scoring takes.
 */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 16;
/** Sizes are rounded up to this, so that a slab fits the next task as well. */
const SLAB_STEP = 1 << 18;

/** For a later task. */
export function giveBackSlab(slab: ArrayBuffer): void {
  if (spare.length < MOST_SPARE) spare.push(slab);
}

function slabOf(bytes: number): ArrayBuffer {
  const at = spare.findIndex(({ byteLength }) => byteLength >= bytes);
  if (at >= 0) return spare.splice(at, 1)[0]!;
  spare.shift();
  return new ArrayBuffer(Math.ceil(bytes / SLAB_STEP) * SLAB_STEP);
}

/** One copy, into a buffer that moves to the thread: what the caller holds stays his. */
export function packScoreTask(
  query: EncodedQuery,
  documents: readonly Uint8Array[],
): ReturnType<Prepare<ScoreTask>> {
  const sizes = documents.map(({ length }) => length);
  const starts: number[] = [];
  let end = 0;
  for (const size of sizes) {
    starts.push(end);
    end += Math.ceil(size / 4) * 4;
  }
  const slab = new Uint8Array(slabOf(end), 0, end);
  documents.forEach((bytes, at) => {
    slab.set(bytes, starts[at]);
  });
  const { states: queryStates, vector: queryVector } = query;
  return { task: { kind: 'score', queryStates, queryVector, slab, starts, sizes }, transfer: [slab.buffer] };
}
