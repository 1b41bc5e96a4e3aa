/** How much two orders of the same hits differ. Pure. */
import type { RankChanges } from './verdicts.ts';

/** Grades by document id. */
export type Grades = ReadonlyMap<string, number>;

/** nDCG is that of the first ten, as in the evaluation. */
const DEPTH = 10;

/**
 * @param order places of the first stage (0 is its first hit) in their new order, each once
 * @param page hits of a page, for the overlap
 */
export function rankChanges(
  order: readonly number[],
  page: number,
  ids: readonly string[],
  grades: Grades | undefined,
): RankChanges {
  const shown = Math.min(page, order.length);
  const same = order.slice(0, shown).filter((place) => place < shown).length;
  const pairs = (order.length * (order.length - 1)) / 2;
  return {
    overlap: shown === 0 ? 1 : same / shown,
    tau: pairs === 0 ? 1 : 1 - (2 * inversionsOf(order)) / pairs,
    ndcg: grades && {
      before: ndcg(ids, grades),
      after: ndcg(
        order.map((place) => ids[place] as string),
        grades,
      ),
    },
  };
}

/** Pairs that stand the wrong way round; by merging, so n log n. */
function inversionsOf(numbers: readonly number[]): number {
  let inversions = 0;
  const sorted = (from: number, to: number): number[] => {
    if (to - from < 2) return numbers.slice(from, to);
    const middle = (from + to) >> 1;
    const left = sorted(from, middle);
    const right = sorted(middle, to);
    const merged: number[] = [];
    let at = 0;
    for (const number of right) {
      while (at < left.length && (left[at] as number) <= number) merged.push(left[at++] as number);
      inversions += left.length - at;
      merged.push(number);
    }
    return [...merged, ...left.slice(at)];
  };
  sorted(0, numbers.length);
  return inversions;
}

function ndcg(ids: readonly string[], grades: Grades): number {
  const ideal = gain([...grades.values()].sort((a, b) => b - a));
  return ideal === 0 ? 0 : gain(ids.map((id) => grades.get(id) ?? 0)) / ideal;
}

/** Σ grade / log2(rank + 1), grades below 0 as 0: the gain of trec_eval. */
function gain(grades: readonly number[]): number {
  return grades.slice(0, DEPTH).reduce((sum, grade, at) => sum + Math.max(grade, 0) / Math.log2(at + 2), 0);
}
