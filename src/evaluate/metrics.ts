/**
 * Retrieval metrics as trec_eval computes them. `ranking` holds document ids, best first, without repetition:
 * ties were broken by whoever ranked. (trec_eval re-sorts equal scores by document id; here the rank given stands.)
 */
import type { Grades } from './judgements.ts';

/** From this grade on a document counts as relevant in MRR and recall (trec_eval's default, `-l 1`). */
export const RELEVANT_FROM_GRADE = 1;

/** Σ gain / log2(rank + 1) over the first `k`; the gain is the grade itself, and 0 for grades below 0. */
function discountedGain(grades: readonly number[], k: number): number {
  return grades.slice(0, k).reduce((sum, grade, at) => sum + Math.max(grade, 0) / Math.log2(at + 2), 0);
}

/**
 * nDCG@k, 0 to 1: `ndcg_cut_k` of trec_eval. The ideal order is that of all judged documents, whether the
 * ranking holds them or not. 0 when no judged document is relevant.
 */
export function ndcg(ranking: readonly string[], grades: Grades, k: number): number {
  const ideal = discountedGain(
    [...grades.values()].sort((a, b) => b - a),
    k,
  );
  if (ideal === 0) return 0;
  return (
    discountedGain(
      ranking.slice(0, k).map((id) => grades.get(id) ?? 0),
      k,
    ) / ideal
  );
}

const isRelevant = (grades: Grades, id: string) => (grades.get(id) ?? 0) >= RELEVANT_FROM_GRADE;

/** 1 / rank of the first relevant document among the first `k`, else 0: `recip_rank` of trec_eval with `-M k`. */
export function reciprocalRank(ranking: readonly string[], grades: Grades, k: number): number {
  const at = ranking.slice(0, k).findIndex((id) => isRelevant(grades, id));
  return at < 0 ? 0 : 1 / (at + 1);
}

/** Share of all relevant documents that are among the first `k`, 0 when there are none: `recall_k` of trec_eval. */
export function recall(ranking: readonly string[], grades: Grades, k: number): number {
  const relevant = [...grades.values()].filter((grade) => grade >= RELEVANT_FROM_GRADE).length;
  if (relevant === 0) return 0;
  return ranking.slice(0, k).filter((id) => isRelevant(grades, id)).length / relevant;
}

/** Arithmetic mean; 0 of nothing. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
