/** Reciprocal rank fusion: one order from several, by ranks alone. */

/** The constant of Cormack, Clarke and Büttcher (SIGIR 2009); it keeps a single first place from outweighing all. */
export const RRF_K = 60;

/** Ids, best first, each without repetition. */
type Ranking = readonly string[];

/**
 * Documents by falling Σ 1 / (60 + rank), rank from 1, over the rankings that hold them (Cormack et al. 2009), with
 * that sum. Of equal sums the one met first goes first, going through the first ranking, then the second and so on.
 */
export function reciprocalRanks(
  rankings: readonly Ranking[],
): readonly (readonly [id: string, sum: number])[] {
  const sums = new Map<string, number>();
  for (const ranking of rankings) {
    ranking.forEach((id, at) => {
      sums.set(id, (sums.get(id) ?? 0) + 1 / (RRF_K + at + 1));
    });
  }
  // A Map keeps the order of insertion and the sort is stable, so ties stay as they were met.
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** @param depth documents kept */
export function fuse(rankings: readonly Ranking[], depth: number): Ranking {
  return reciprocalRanks(rankings)
    .slice(0, depth)
    .map(([id]) => id);
}
