/** The `mice` object of a document, as JSON bytes. */
import { readHeader, viewStates } from '../states/decode.ts';

/** Digits that keep a component of a unit vector to 1e-7, half the bytes of the full print. */
const VECTOR_DIGITS = 7;

/**
 * `{"vector":[…],"states":"…base64…","model":"…","hash":"…"}`. The vector is the one that the states hold, in 8 bits
 * a component: whoever has the states, written now or read back, gives the document the very same vector.
 * Precondition: the states can be read.
 */
export function miceFields(states: Uint8Array, model: string): string {
  const reading = readHeader(states);
  if (reading.kind !== 'ok')
    throw new TypeError(`States that were checked cannot be read: ${reading.reason}`);
  const { header } = reading;
  const { vector, vectorScale } = viewStates(states, header);
  const components = Array.from(vector, (component) =>
    Number((component * vectorScale).toFixed(VECTOR_DIGITS)),
  );
  const blob = Buffer.from(states.buffer, states.byteOffset, states.byteLength).toString('base64');
  return `{"vector":[${components.join(',')}],"states":"${blob}","model":${JSON.stringify(model)},"hash":"${header.hash}"}`;
}
