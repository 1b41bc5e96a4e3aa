/** Stored states of a text that was read as one passage, without splitting. */
import { encodePassages, type PassageSource, type PassagesSource } from '../../src/states/encode.ts';
import { unsplit } from '../../src/states/splitting.ts';

export interface StatesSource
  extends Omit<PassagesSource, 'splitting' | 'passages'>,
    Pick<PassageSource, 'vector' | 'states'> {}

export function encodeStates({ vector, states, ...source }: StatesSource): Uint8Array<ArrayBuffer> {
  const splitting = unsplit(states.length / source.dims);
  return encodePassages({ ...source, splitting, passages: [{ start: 0, end: 0, vector, states }] });
}
