/** How many passages to score in one go, so that a deadline finds most of the work done. */

export interface Pace {
  /** Passages for the next go: those expected to take half of what is left, all when they are fewer. */
  next(remaining: number, leftMs: number): number;
  /** What a go took. */
  took(passages: number, ms: number): void;
}

/** Fewer cost more in overhead than a deadline gains by them. */
const LEAST = 8;
/** Weight of the newest go in the running mean. */
const NEWEST = 0.2;

/** @param firstGuessMs expected time of one passage before anything was measured */
export function openPace(firstGuessMs: number): Pace {
  let passageMs = firstGuessMs;
  return {
    next(remaining, leftMs) {
      const affordable = Math.floor(leftMs / 2 / passageMs);
      return Math.min(remaining, Math.max(LEAST, affordable));
    },
    took(passages, ms) {
      if (passages > 0) passageMs += NEWEST * (Math.max(ms / passages, 1e-3) - passageMs);
    },
  };
}
