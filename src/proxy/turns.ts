/**
 * Turns of the event loop for work of milliseconds. Such work is done in goes, one a turn whoever has work, so that
 * many searches at a time keep the loop no longer than one does.
 */

/** Milliseconds of a go: below what is noticed, and far above what a turn costs. */
const GO_MS = 2;

const waiting: (() => void)[] = [];

/** Resolves on a turn that no other work of this kind has. */
export function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(next);
  });
}

function next(): void {
  const resolve = waiting.shift();
  if (waiting.length > 0) setImmediate(next);
  resolve?.();
}

/** To be awaited before every piece of a work: it waits for a turn whenever the go before is over, and at first. */
export function inGoes(goMs = GO_MS): () => Promise<void> | undefined {
  let untilMs = 0;
  const begin = async () => {
    await turnOfLoop();
    untilMs = performance.now() + goMs;
  };
  return () => (performance.now() < untilMs ? undefined : begin());
}
