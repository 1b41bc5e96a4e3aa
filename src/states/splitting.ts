/**
 * How texts are split into passages, and which of their tokens are kept: what two processes must agree on for their
 * states to be the same.
 */
import { mostBefore } from './merge.ts';

export interface Splitting {
  /** Tokens of a passage at most, special tokens included. */
  readonly tokens: number;
  /** Tokens that a passage shares with the one before, at most. */
  readonly overlap: number;
  /** Passages of a text at most; what is left then is not read. */
  readonly most: number;
  /** One of {@link RULES}. */
  readonly rule: number;
}

/**
 * Numbers of the rules: texts are split by {@link file://../model/split-text.ts}, and all their tokens are kept, or
 * neighbours are merged by {@link file://./merge.ts}. A rule that changes gets a new number.
 */
export const RULES = { all: 1, merged: 2 } as const;

export type TokensKept = keyof typeof RULES;

/** Members of a splitting in the order in which they are stored. */
export const SPLITTING_MEMBERS = ['tokens', 'overlap', 'most', 'rule'] as const;

/** The splitting that leaves a text whole, and reads no more of it than `tokens`. */
export function unsplit(tokens: number, kept: TokensKept = 'all'): Splitting {
  return { tokens, overlap: 0, most: 1, rule: RULES[kept] };
}

/**
 * What was read of a text, and under which splitting: undefined where the whole text is one passage with all of its
 * tokens.
 */
export interface HowRead {
  /** Those that were kept. */
  readonly tokens: number;
  readonly truncated: boolean;
  readonly splitting: Splitting | undefined;
  /** Where it is told; a text of several has more tokens than one passage takes. */
  readonly passages?: number;
}

/** Whether `wanted` would read a text as it was read. What was one passage then and is now is read alike. */
export function fitsSplitting(
  { tokens, truncated, splitting, passages = 1 }: HowRead,
  wanted: Splitting,
): boolean {
  const made = splitting ?? unsplit(tokens);
  if (made.rule !== wanted.rule) return false;
  const room = Math.min(made.tokens, wanted.tokens);
  const read = made.rule === RULES.merged ? mostBefore(tokens) : tokens;
  if (passages === 1 && !truncated && read <= room) return true;
  const same = made.tokens === wanted.tokens && made.overlap === wanted.overlap;
  // A text that was read to its end would not have more passages where more are allowed.
  return same && (truncated ? made.most === wanted.most : made.most <= wanted.most);
}

/** A splitting as it is stored in a document: the numbers of its members, and none for undefined. */
export function splittingNumbers(splitting: Splitting | undefined): readonly number[] {
  return splitting ? SPLITTING_MEMBERS.map((member) => splitting[member]) : [];
}

/** What was written from {@link splittingNumbers}; undefined for anything else. */
export function splittingFrom(numbers: unknown): Splitting | undefined {
  if (!Array.isArray(numbers) || numbers.length !== SPLITTING_MEMBERS.length) return undefined;
  if (!numbers.every((number) => Number.isSafeInteger(number))) return undefined;
  const [tokens, overlap, most, rule] = numbers as [number, number, number, number];
  return { tokens, overlap, most, rule };
}
