/** A circuit breaker: after repeated faults, what failed is left alone for a while. Pure but for its clock. */

export interface BreakerOptions {
  /** Faults in a row that open it. */
  readonly failures: number;
  /** First pause; it doubles with every further fault, up to {@link LONGEST} times this. */
  readonly pauseMs: number;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: () => number;
}

const LONGEST = 16;

export interface Breaker {
  readonly isOpen: boolean;
  /** Milliseconds until an open breaker lets one try through; 0 when closed. */
  readonly waitMs: number;
  /** True when closed; while open, once a pause. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
}

export function openBreaker({ failures, pauseMs, now = () => performance.now() }: BreakerOptions): Breaker {
  let inARow = 0;
  let retryAtMs: number | undefined;
  const currentPauseMs = () => pauseMs * Math.min(LONGEST, 2 ** (inARow - failures));
  return {
    get isOpen() {
      return retryAtMs !== undefined;
    },
    get waitMs() {
      return retryAtMs === undefined ? 0 : Math.max(0, retryAtMs - now());
    },
    allows() {
      if (retryAtMs === undefined) return true;
      if (now() < retryAtMs) return false;
      // Whoever asked is the one try of this pause, whether or not it ever reports back.
      retryAtMs = now() + currentPauseMs();
      return true;
    },
    succeeded() {
      inARow = 0;
      retryAtMs = undefined;
    },
    failed() {
      inARow += 1;
      if (inARow >= failures) retryAtMs = now() + currentPauseMs();
    },
  };
}
