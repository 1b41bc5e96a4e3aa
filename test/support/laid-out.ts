import type { PassageStates } from '../../src/states/decode.ts';

/** The states of a passage as a graph gets them, one value an entry. */
export function laidOut({ tokens, layStates }: PassageStates, dims: number): Int8Array {
  const states = new Int8Array(tokens * dims);
  layStates(states);
  return states;
}
