/**
 * In how many steps the states of a search's hits are asked for: with the search, or after it and only those that
 * memory lacks. Two are better where memory has most of them, and what was searched for lately tells that.
 */
import { LRUCache } from 'lru-cache';

/** Above this share of hits whose states are in memory, two steps take less time than one: docs/performance.md. */
export const TWO_STEPS_ABOVE = 0.85;

/** What the last search weighs in the average: some ten searches are remembered. */
const LAST_WEIGHS = 0.2;
/** Index expressions that are remembered. */
const EXPRESSIONS = 1000;

export interface Steps {
  /** Whether memory is to be asked first, in searches of an index expression; undefined stands for all indices. */
  areTwo(expression: string | undefined): boolean;
  /** Told, after every search that could have had two steps, of the share of its hits whose states were in memory. */
  observe(expression: string | undefined, share: number): void;
}

export function openSteps(): Steps {
  const shares = new LRUCache<string, number>({ max: EXPRESSIONS });
  const shareOf = (expression = '') => shares.get(expression) ?? 0;
  return {
    areTwo: (expression) => shareOf(expression) > TWO_STEPS_ABOVE,
    observe(expression = '', share) {
      const before = shareOf(expression);
      shares.set(expression, before + LAST_WEIGHS * (share - before));
    },
  };
}
