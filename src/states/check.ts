import { blobCrc } from './crc.ts';
import { readHeader } from './decode.ts';
import { AT, type StatesHeader } from './layout.ts';

/** What stored bytes are to a bundle. Whether they are stale is for the caller, who knows the text: `header.hash`. */
export type StatesCheck =
  | { readonly kind: 'ok'; readonly header: StatesHeader }
  | { readonly kind: 'foreign'; readonly header: StatesHeader; readonly reason: string }
  | { readonly kind: 'corrupt'; readonly reason: string };

/** Reads every byte. Never throws: states that cannot be used are a value, and the document is encoded live. */
export function checkStates(bytes: Uint8Array, expected: { readonly bundleId: string }): StatesCheck {
  const reading = readHeader(bytes);
  if (reading.kind === 'corrupt') return reading;
  const { header } = reading;
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(AT.crc, true);
  if (blobCrc(bytes) !== stored) return { kind: 'corrupt', reason: 'their checksum does not match' };
  if (header.bundleId !== expected.bundleId) {
    const reason = `made by bundle ${header.bundleId}, not by ${expected.bundleId}`;
    return { kind: 'foreign', header, reason };
  }
  return { kind: 'ok', header };
}
