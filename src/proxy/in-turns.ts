/** Searches of one request that are worked on at a time. */
const AT_A_TIME = 4;

/** What `work` gives for each item, in order, a few at a time. */
export async function inTurns<T, R>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_A_TIME) {
    const turn = items.slice(start, start + AT_A_TIME);
    results.push(...(await Promise.all(turn.map((item, at) => work(item, start + at)))));
  }
  return results;
}
