/** The `mice` object of a document, as JSON bytes. */
import { type PassageView, readHeader, viewPassages } from '../states/decode.ts';
import { meanVector } from '../states/mean-vector.ts';
import { dequantizeRow } from '../states/quantize.ts';

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
  const components = Array.from(vectorOf(viewPassages(states, header)), (component) =>
    Number(component.toFixed(VECTOR_DIGITS)),
  );
  const blob = Buffer.from(states.buffer, states.byteOffset, states.byteLength).toString('base64');
  return `{"vector":[${components.join(',')}],"states":"${blob}","model":${JSON.stringify(model)},"hash":"${header.hash}"}`;
}

/** Of a document of one passage its own, in double precision: what is printed is rounded once. */
function vectorOf(passages: readonly PassageView[]): ArrayLike<number> {
  const [{ vector, vectorScale }] = passages as [PassageView];
  if (passages.length === 1) return Array.from(vector, (component) => component * vectorScale);
  return meanVector(passages.map((passage) => dequantizeRow(passage.vector, passage.vectorScale)));
}
