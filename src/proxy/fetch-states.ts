/** The second step of a search: the states of hits by their ids, asked for as the caller asked for the hits. */
import { findHits, type HitPlace } from './hits.ts';
import type { Base64 } from './load-states.ts';

/**
 * One a hit; undefined where the cluster finds none.
 * @param ask the cluster's answer to a search, made with the caller's own credentials through the names that the caller
 * searched: what an alias or the caller's rights hide stays hidden
 * @throws MiceError as `ask` does, NotJson where the answer is none to a search
 */
export async function fetchStates(
  ask: (body: Buffer) => Promise<Buffer>,
  hits: readonly HitPlace[],
  statesField: string,
): Promise<readonly (Base64 | undefined)[]> {
  const answer = await ask(Buffer.from(JSON.stringify(statesSearch(hits, statesField))));
  const found = findHits(answer, statesField).hits;
  const places = new Map(found.map((hit) => [nameOf(hit), hit.states]));
  return hits.map((hit) => {
    const at = places.get(nameOf(hit));
    return at && { answer, at };
  });
}

function statesSearch(hits: readonly HitPlace[], statesField: string): unknown {
  const byIndex = Map.groupBy(hits, ({ index }) => index);
  const ofIndex = [...byIndex].map(([index, own]) => ({
    bool: { filter: [{ term: { _index: index } }, { ids: { values: own.map(({ id }) => id) } }] },
  }));
  return {
    ...{ size: hits.length, _source: false, track_total_hits: false },
    query: { bool: { filter: { bool: { should: ofIndex } } } },
    docvalue_fields: [statesField],
  };
}

function nameOf({ index, id, routing }: HitPlace): string {
  return JSON.stringify([index, id, routing]);
}
