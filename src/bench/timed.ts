export interface Timed<T> {
  readonly answer: T;
  readonly ms: number;
}

/** How long a piece of work takes, waiting included. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const startedMs = performance.now();
  const answer = await work();
  return { answer, ms: performance.now() - startedMs };
}
