/** The `mice` object of a document, as JSON bytes. */
import { type PassageView, readHeader, viewPassages } from '../states/decode.ts';
import { meanVector } from '../states/mean-vector.ts';
import { dequantizeRow } from '../states/quantize.ts';
import { splittingNumbers } from '../states/splitting.ts';

/** Digits that keep a component of a unit vector to 1e-7, half the bytes of the full print. */
const VECTOR_DIGITS = 7;

/** Members of the object that stay out of `_source`, and that no answer shall hold. */
export const HIDDEN_MEMBERS = ['vector', 'states', 'passages'] as const;

/** What the object is written with, besides states. */
export interface FieldsWanted {
  /** Value of `model`. */
  readonly model: string;
  /** Whether each passage's vector is written too, as `passages`. */
  readonly passageVectors?: boolean | undefined;
}

/**
 * `{"vector":[…],"states":"…base64…","model":"…","hash":"…","tokens":…,"truncated":…,"splitting":[…]}`, and
 * `"passages":[{"vector":[…]},…]` where they are wanted. Vectors are those that the states hold, in 8 bits a
 * component: whoever has the states, written now or read back, gives the document the very same ones.
 * Precondition: the states can be read.
 */
export function miceFields(states: Uint8Array, { model, passageVectors }: FieldsWanted): string {
  const reading = readHeader(states);
  if (reading.kind !== 'ok')
    throw new TypeError(`States that were checked cannot be read: ${reading.reason}`);
  const { hash, tokens, truncated, splitting } = reading.header;
  const passages = viewPassages(states, reading.header);
  const own = passages.length === 1 || passageVectors ? passages.map(printVector) : [];
  const vector = passages.length === 1 ? own[0] : print(meanOf(passages));
  const blob = Buffer.from(states.buffer, states.byteOffset, states.byteLength).toString('base64');
  const nested = passageVectors ? `,"passages":[${own.map((one) => `{"vector":${one}}`).join(',')}]` : '';
  const how = JSON.stringify({ model, hash, tokens, truncated, splitting: splittingNumbers(splitting) });
  return `{"vector":${vector},"states":"${blob}",${how.slice(1, -1)}${nested}}`;
}

/** In double precision: what is printed is rounded once. */
function printVector({ vector, vectorScale }: PassageView): string {
  return print(Array.from(vector, (component) => component * vectorScale));
}

function print(vector: ArrayLike<number>): string {
  return `[${Array.from(vector, (component) => Number(component.toFixed(VECTOR_DIGITS))).join(',')}]`;
}

function meanOf(passages: readonly PassageView[]): Float32Array {
  return meanVector(passages.map(({ vector, vectorScale }) => dequantizeRow(vector, vectorScale)));
}
