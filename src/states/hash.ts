/** The identity of a text: what `mice.hash` holds and what the states' header repeats. */
import { hash } from 'node:crypto';

/** Hex characters of a content hash: 16 bytes of sha256, far beyond accidental collision within one index. */
export const CONTENT_HASH_CHARACTERS = 32;

/** Hash of the whole text a document's states were read from, before any truncation. */
export function contentHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, CONTENT_HASH_CHARACTERS);
}
