/** How many searches are scored at a time, who waits, and what is given up first when many wait. */

export interface AdmissionLimits {
  /** Searches that are scored at a time. */
  readonly concurrency: number;
  /** Searches that may wait. */
  readonly queue: number;
}

export interface Turn {
  /**
   * The part of a window that is scored, above 0, at most 1: all of it while nobody waits behind, a tenth when the
   * queue is full.
   */
  readonly share: number;
  /** To be called once, when the scoring has ended. */
  leave(): void;
}

export interface Admission {
  readonly running: number;
  readonly waiting: number;
  /** Whether a search that comes now would be turned away. */
  isFull(limits: AdmissionLimits): boolean;
  /** A turn, in order of arrival; undefined when the queue is full, or when `signal` fires before it comes. */
  enter(limits: AdmissionLimits, signal: AbortSignal): Promise<Turn | undefined>;
}

const LEAST_SHARE = 0.1;

export function openAdmission(): Admission {
  let running = 0;
  const waiting = new Set<() => void>();

  function turn(queue: number): Turn {
    running += 1;
    let left = false;
    return {
      share: queue === 0 ? 1 : Math.max(LEAST_SHARE, 1 - waiting.size / queue),
      leave() {
        if (left) return;
        left = true;
        running -= 1;
        const [next] = waiting;
        next?.();
      },
    };
  }

  return {
    get running() {
      return running;
    },
    get waiting() {
      return waiting.size;
    },
    isFull: ({ concurrency, queue }) => running >= concurrency && waiting.size >= queue,
    async enter(limits, signal) {
      if (signal.aborted) return undefined;
      if (running < limits.concurrency && waiting.size === 0) return turn(limits.queue);
      if (waiting.size >= limits.queue) return undefined;
      const { promise, resolve } = Promise.withResolvers<Turn | undefined>();
      const called = () => {
        waiting.delete(called);
        signal.removeEventListener('abort', gaveUp);
        resolve(turn(limits.queue));
      };
      const gaveUp = () => {
        waiting.delete(called);
        resolve(undefined);
      };
      waiting.add(called);
      signal.addEventListener('abort', gaveUp, { once: true });
      return promise;
    },
  };
}
