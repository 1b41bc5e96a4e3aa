/** What is written beside states, and what it says of them: told without reading the states. */
import { fitsSplitting, RULES, splittingFrom } from '../../states/splitting.ts';
import type { StoreNeeds } from './store.ts';

/** Members that are looked at. */
export const CLAIM_MEMBERS = ['hash', 'model', 'tokens', 'truncated', 'splitting'] as const;

/** Whether `ours` says of states that they are of this text, and of the model and the splitting of now. */
export function claimsToBeOfNow(
  ours: Readonly<Record<string, unknown>> | null | undefined,
  text: string,
  hash: string,
  { model, splitting }: Pick<StoreNeeds, 'model' | 'splitting'>,
): boolean {
  if (hash === '' || ours?.['hash'] !== hash || ours['model'] !== model) return false;
  if (splitting === undefined) return true;
  const { tokens, truncated } = ours;
  // Written before there were passages: only what has no more characters than a passage has tokens was surely not cut.
  if (typeof tokens !== 'number') return splitting.rule === RULES.all && text.length <= splitting.tokens;
  const made = splittingFrom(ours['splitting']);
  return fitsSplitting({ tokens, truncated: truncated === true, splitting: made }, splitting);
}
