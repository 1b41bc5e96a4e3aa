/** Ctrl-C as a signal that work can watch, so that what was started is stopped before the command ends. */
import { MiceError } from '../errors.ts';

export interface Interruption {
  /** Fires at the first SIGINT or SIGTERM, with a MiceError `aborted`. */
  readonly signal: AbortSignal;
  /** Gives both signals back their usual effect. */
  stop(): void;
}

/**
 * One Ctrl-C arrives more than once: from the terminal, which signals the whole foreground group, and from
 * npm and the bootstrap, which each pass on what they got.
 */
const SAME_KEYSTROKE_MS = 1000;

/** Watches until `stop`; a second Ctrl-C, a second or more after the first, ends the process at once. */
export function watchInterruption(what: string): Interruption {
  const controller = new AbortController();
  let firstMs: number | undefined;
  const stop = () => void process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  const interrupt = (name: NodeJS.Signals) => {
    if (firstMs === undefined) {
      firstMs = performance.now();
      process.stderr.write('\nStopping what runs; Ctrl-C again ends it at once.\n');
      controller.abort(new MiceError('aborted', `${what} was interrupted.`));
    } else if (performance.now() - firstMs > SAME_KEYSTROKE_MS) {
      stop();
      process.kill(process.pid, name);
    }
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  return { signal: controller.signal, stop };
}

/** Resolves at the first Ctrl-C or SIGTERM. */
export function untilInterrupted(what: string): Promise<void> {
  const { signal } = watchInterruption(what);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
