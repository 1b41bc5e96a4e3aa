/** The `mice` object of a document, as JSON bytes. */
import type { EncodedDocument } from '../model/model.ts';

/** Digits that keep a float32 component of a unit vector to 1e-7, half the bytes of the full print. */
const VECTOR_DIGITS = 7;

/** `{"vector":[…],"states":"…base64…","model":"…","hash":"…"}` */
export function miceFields(document: EncodedDocument, model: string, hash: string): string {
  const vector = Array.from(document.vector, (component) => Number(component.toFixed(VECTOR_DIGITS))).join(
    ',',
  );
  const states = Buffer.from(document.states.buffer, document.states.byteOffset, document.states.byteLength);
  return `{"vector":[${vector}],"states":"${states.toString('base64')}","model":${JSON.stringify(model)},"hash":"${hash}"}`;
}
