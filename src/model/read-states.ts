/** Stored states as a bundle reads them; what it cannot score is an error here, as its caller should have looked. */
import { MiceError } from '../errors.ts';
import { checkStates } from '../states/check.ts';
import { type StatesView, viewStates, viewVector } from '../states/decode.ts';
import type { StatesHeader } from '../states/layout.ts';
import type { Bundle } from './bundle.ts';

/** @throws MiceError `states-corrupt` or `states-foreign` */
export function readStates(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): StatesView {
  return viewStates(bytes, readableHeader(bytes, bundle));
}

/** Their vector alone, without a copy. @throws MiceError `states-corrupt` or `states-foreign` */
export function readVector(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): Int8Array {
  return viewVector(bytes, readableHeader(bytes, bundle));
}

function readableHeader(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): StatesHeader {
  const check = checkStates(bytes, { bundleId: bundle.id });
  if (check.kind === 'ok') return check.header;
  const hint =
    'Check stored states before they are scored, and encode the document where they cannot be used.';
  throw new MiceError(`states-${check.kind}`, `Stored states cannot be scored: ${check.reason}.`, { hint });
}
