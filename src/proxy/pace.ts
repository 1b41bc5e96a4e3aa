/** How many candidates to score in one go, so that a deadline finds most of the work done. */

export interface Pace {
  /** Candidates for the next go: those expected to take half of what is left, all when they are fewer. */
  next(remaining: number, leftMs: number): number;
  /** What a go took. */
  took(candidates: number, ms: number): void;
}

/** Fewer cost more in overhead than a deadline gains by them. */
const LEAST = 8;
/** Weight of the newest go in the running mean. */
const NEWEST = 0.2;

/** @param firstGuessMs expected time of one candidate before anything was measured */
export function openPace(firstGuessMs: number): Pace {
  let candidateMs = firstGuessMs;
  return {
    next(remaining, leftMs) {
      const affordable = Math.floor(leftMs / 2 / candidateMs);
      return Math.min(remaining, Math.max(LEAST, affordable));
    },
    took(candidates, ms) {
      if (candidates > 0) candidateMs += NEWEST * (Math.max(ms / candidates, 1e-3) - candidateMs);
    },
  };
}
