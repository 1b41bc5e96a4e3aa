/** States in the documents themselves: partial updates that a change in between refuses. */
import { contentHash } from '../../states/hash.ts';
import { miceFields } from '../fields.ts';
import { fieldNames, selectText } from '../text.ts';
import { CLAIM_MEMBERS, claimsToBeOfNow } from './claim.ts';
import { havingPassages, writeObject } from './object.ts';
import { documentsById, routed } from './requests.ts';
import type { ReadDocument, StandingHit, StatesStore, StoreNeeds } from './store.ts';

const HAS_STATES = 'mice-states';
const HAS_PASSAGES = 'mice-passages';

/** @param others objects of other bundles in the same documents, which stay as they are */
export function fieldStore(needs: StoreNeeds, others: readonly string[] = []): StatesStore {
  const { engine, object, model, selection, passageVectors } = needs;
  const wanted = [...fieldNames(selection), ...CLAIM_MEMBERS.map((member) => `${object}.${member}`)];
  const field = `${object}.states`;
  return {
    search: (query) => ({
      seq_no_primary_term: true,
      _source: wanted,
      query: {
        bool: {
          filter: [query ?? { match_all: {} }],
          should: [
            { exists: { field, _name: HAS_STATES } },
            ...(passageVectors ? [havingPassages(object, HAS_PASSAGES)] : []),
          ],
          minimum_should_match: 0,
        },
      },
    }),
    lacking: {
      bool: {
        must_not: [
          {
            bool: {
              filter: [
                { exists: { field } },
                { term: { [`${object}.model`]: model } },
                ...(passageVectors ? [havingPassages(object)] : []),
              ],
            },
          },
        ],
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
      const fields = (place: number) => miceFields(states.get(documents[place]!.hash)!, needs);
      return writeObject(engine, hits, others, (place) => `${JSON.stringify(object)}:${fields(place)}`);
    },
    // They go with the documents.
    tidy: async () => 0,
  };
}

/** Only a search shows whether there are states; a document that was fetched by id counts as without. */
function readHit(hit: StandingHit, needs: StoreNeeds): ReadDocument {
  const text = selectText(hit._source, needs.selection);
  const hash = text === '' ? '' : contentHash(text);
  const ours = hit._source?.[needs.object] as Readonly<Record<string, unknown>> | null | undefined;
  const claimed = claimsToBeOfNow(ours, text, hash, needs);
  const names = needs.passageVectors ? [HAS_STATES, HAS_PASSAGES] : [HAS_STATES];
  const has = names.every((name) => hit.matched_queries?.includes(name) ?? false);
  const standing = hash === '' ? 'no-text' : !has ? 'missing' : claimed ? 'fresh' : 'stale';
  return { hit, text, hash, standing, claimed };
}
