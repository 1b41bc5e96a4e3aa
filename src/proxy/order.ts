/** The order of a window from its scores. Pure. */

/** How the rank of the first stage enters the final score: a fixed function, so that no window size changes it. */
export interface FirstStageBlend {
  /** 1 / log2(1 + rank), rank from 1. */
  readonly kind: 'reciprocal-log2';
  readonly weight: number;
}

export interface Ranked {
  /** Position in the first stage's order, from 0. */
  readonly place: number;
  /** Final score; undefined where the candidate was not scored. */
  readonly score: number | undefined;
}

/**
 * Scored candidates by falling score, ties in the first stage's order; then the others as they came.
 * @param scores one a candidate in the first stage's order, undefined where there is none
 * @param firstRank rank of the first candidate, from 1
 */
export function orderOf(
  scores: readonly (number | undefined)[],
  blend: FirstStageBlend,
  firstRank = 1,
): readonly Ranked[] {
  const ranked = scores.map((score, place) => ({
    place,
    score: score === undefined ? undefined : score + blend.weight / Math.log2(1 + firstRank + place),
  }));
  return [
    ...ranked.filter(hasScore).sort((a, b) => b.score - a.score || a.place - b.place),
    ...ranked.filter((candidate) => candidate.score === undefined),
  ];
}

function hasScore(candidate: Ranked): candidate is Ranked & { readonly score: number } {
  return candidate.score !== undefined;
}
