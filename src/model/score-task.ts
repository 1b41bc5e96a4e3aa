import { slabOf } from '../states/slabs.ts';
import type { Prepare } from './call.ts';
import type { EncodedQuery } from './model.ts';
import type { ScoreTask } from './tasks.ts';

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
