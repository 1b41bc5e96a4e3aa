import { blobCrc } from './crc.ts';
import { readHeader } from './decode.ts';
import { AT, type StatesHeader } from './layout.ts';
import { fitsSplitting, type Splitting } from './splitting.ts';

/** What stored bytes are to a bundle. Whether they are stale is for the caller, who knows the text: `header.hash`. */
export type StatesCheck =
  | { readonly kind: 'ok'; readonly header: StatesHeader }
  /** Of this bundle, and read under another splitting than the one that is wanted now. */
  | { readonly kind: 'split-otherwise'; readonly header: StatesHeader; readonly reason: string }
  | { readonly kind: 'foreign'; readonly header: StatesHeader; readonly reason: string }
  | { readonly kind: 'corrupt'; readonly reason: string };

export interface ExpectedStates {
  readonly bundleId: string;
  /** Any, unless given: scores do not depend on it. */
  readonly splitting?: Splitting | undefined;
  /** Whether the checksum was looked at before, and the bytes have been in this process's memory since. */
  readonly isIntact?: boolean;
}

/** Reads every byte, unless they are intact. Never throws: states that cannot be used are a value, and the document is encoded live. */
export function checkStates(
  bytes: Uint8Array,
  { bundleId, splitting, isIntact = false }: ExpectedStates,
): StatesCheck {
  const reading = readHeader(bytes);
  if (reading.kind === 'corrupt') return reading;
  const { header } = reading;
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(AT.crc, true);
  if (!isIntact && blobCrc(bytes) !== stored)
    return { kind: 'corrupt', reason: 'their checksum does not match' };
  if (header.bundleId !== bundleId) {
    const reason = `made by bundle ${header.bundleId}, not by ${bundleId}`;
    return { kind: 'foreign', header, reason };
  }
  if (splitting && !fitsSplitting(header, splitting)) {
    const reason = 'their text was split into other passages than it is now';
    return { kind: 'split-otherwise', header, reason };
  }
  return { kind: 'ok', header };
}
