/** Stored states as a bundle reads them; what it cannot score is an error here, as its caller should have looked. */
import { MiceError } from '../errors.ts';
import { checkStates } from '../states/check.ts';
import { type PassageStates, viewPassages, viewStates } from '../states/decode.ts';
import type { StatesHeader } from '../states/layout.ts';
import type { Bundle } from './bundle.ts';

/** Their passages. @throws MiceError `states-corrupt` or `states-foreign` */
export function readStates(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): readonly PassageStates[] {
  return viewStates(bytes, readableHeader(bytes, bundle));
}

/** The vector of their first passage, without a copy. @throws MiceError `states-corrupt` or `states-foreign` */
export function readVector(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): Int8Array {
  return viewPassages(bytes, readableHeader(bytes, bundle))[0]!.vector;
}

function readableHeader(bytes: Uint8Array, bundle: Pick<Bundle, 'id'>): StatesHeader {
  const check = checkStates(bytes, { bundleId: bundle.id });
  if (check.kind === 'ok') return check.header;
  const hint =
    'Check stored states before they are scored, and encode the document where they cannot be used.';
  throw new MiceError(
    check.kind === 'foreign' ? 'states-foreign' : 'states-corrupt',
    `Stored states cannot be scored: ${check.reason}.`,
    { hint },
  );
}
