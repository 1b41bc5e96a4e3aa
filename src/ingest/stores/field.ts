/** States in the documents themselves: partial updates that a change in between refuses. */
import { contentHash } from '../../states/hash.ts';
import { miceFields } from '../fields.ts';
import { fieldNames, selectText } from '../text.ts';
import { writeObject } from './object.ts';
import { documentsById, routed } from './requests.ts';
import type { ReadDocument, StandingHit, StatesStore, StoreNeeds } from './store.ts';

const HAS_STATES = 'mice-states';

/** @param others objects of other bundles in the same documents, which stay as they are */
export function fieldStore(needs: StoreNeeds, others: readonly string[] = []): StatesStore {
  const { engine, object, model, selection } = needs;
  const wanted = [...fieldNames(selection), `${object}.hash`, `${object}.model`];
  const field = `${object}.states`;
  return {
    search: (query) => ({
      seq_no_primary_term: true,
      _source: wanted,
      query: {
        bool: {
          filter: [query ?? { match_all: {} }],
          should: [{ exists: { field, _name: HAS_STATES } }],
          minimum_should_match: 0,
        },
      },
    }),
    lacking: {
      bool: {
        must_not: [{ bool: { filter: [{ exists: { field } }, { term: { [`${object}.model`]: model } }] } }],
      },
    },
    async fetch(keys) {
      const docs = keys.map(({ index, id, routing }) => ({
        ...{ _index: index, _id: id, _source: wanted, ...routed(routing) },
      }));
      const found = await documentsById<StandingHit>(engine, docs);
      return found.flatMap((hit) => (hit ? [hit] : []));
    },
    read: async (hits) => hits.map((hit) => readHit(hit, needs)),
    write(documents, states) {
      const hits = documents.map(({ hit }) => hit);
      const fields = (place: number) => miceFields(states.get(documents[place]!.hash)!, model);
      return writeObject(engine, hits, others, (place) => `${JSON.stringify(object)}:${fields(place)}`);
    },
    // They go with the documents.
    tidy: async () => 0,
  };
}

/** Only a search shows whether there are states; a document that was fetched by id counts as without. */
function readHit(hit: StandingHit, { object, model, selection }: StoreNeeds): ReadDocument {
  const text = selectText(hit._source, selection);
  const hash = text === '' ? '' : contentHash(text);
  const ours = hit._source?.[object] as { hash?: unknown; model?: unknown } | null | undefined;
  const claimed = hash !== '' && ours?.hash === hash && ours.model === model;
  const has = hit.matched_queries?.includes(HAS_STATES) ?? false;
  const standing = hash === '' ? 'no-text' : !has ? 'missing' : claimed ? 'fresh' : 'stale';
  return { hit, text, hash, standing, claimed };
}
