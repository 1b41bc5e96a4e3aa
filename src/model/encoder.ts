/** The early layers: token ids to states and vectors. */

import { encodePassages, type PassageSource } from '../states/encode.ts';
import { contentHash } from '../states/hash.ts';
import { meanVector } from '../states/mean-vector.ts';
import { mergeNeighbours } from '../states/merge.ts';
import { RULES, type Splitting } from '../states/splitting.ts';
import type { Bundle } from './bundle.ts';
import type { EncodedDocument, EncodedQuery, QueryVector } from './model.ts';
import type { Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import { padded } from './token-inputs.ts';
import type { PassageIds, Tokenizer } from './tokenizer.ts';

/**
 * Tokens of one inference. Only short documents gain from company (10–25% below 60 tokens): longer ones keep a core
 * busy alone, and small inferences let a search in between. Documents of other lengths are no company: padding changes
 * the order of a float32 sum, and with it now and then the last bit of what is stored.
 */
const BATCH = { tokens: 256, rows: 32, sameLength: true };

/** Queries of one inference: of one length for the same reason. */
const QUERIES = { tokens: 512, rows: 16, sameLength: true };

/** In their order; each depends on its own text only. */
export async function encodeQueries(
  session: Session,
  tokenizer: Tokenizer,
  { limits, dims }: Bundle,
  texts: readonly string[],
): Promise<readonly EncodedQuery[]> {
  const read = texts.map((text) => tokenizer.encode(text, limits.queryTokens));
  const lengths = read.map(({ ids }) => ids.length);
  const encoded = new Array<EncodedQuery>(texts.length);
  for (const slice of sliceByLength(lengths, QUERIES)) {
    const { states, vector } = await session.run(padded(slice.map((row) => read[row]!.ids)));
    slice.forEach((row, at) => {
      const tokens = lengths[row]!;
      const size = tokens * dims.hidden;
      encoded[row] = {
        ...{ tokens, truncated: read[row]!.truncated },
        states: states!.slice(at * size, (at + 1) * size),
        vector: vector!.slice(at * dims.vector, (at + 1) * dims.vector),
      };
    });
  }
  return encoded;
}

/** The vector only. Company would save nothing here. */
export async function encodeQueryFast(
  session: Session,
  tokenizer: Tokenizer,
  bundle: Bundle,
  text: string,
): Promise<QueryVector> {
  const { ids, truncated } = tokenizer.encode(text, bundle.limits.queryTokens);
  const { vector } = await session.run(padded([ids]));
  return { tokens: ids.length, truncated, vector: vector!.slice() };
}

/** Results in input order; each depends on its own text only. */
export async function encodeDocuments(
  session: Session,
  tokenizer: Tokenizer,
  bundle: Bundle,
  splitting: Splitting,
  texts: readonly string[],
): Promise<readonly EncodedDocument[]> {
  const split = texts.map((text) => tokenizer.split(text, splitting));
  const rows = split.flatMap(({ passages }) => passages);
  const encoded = await encodeRows(session, bundle, rows, splitting);
  let next = 0;
  return split.map(({ passages, truncated }, at) => {
    const own = encoded.slice(next, next + passages.length);
    next += passages.length;
    return document(bundle, splitting, contentHash(texts[at]!), truncated, own);
  });
}

/** Vectors and states of passages, in their order. */
async function encodeRows(
  session: Session,
  { dims }: Bundle,
  rows: readonly PassageIds[],
  { rule }: Splitting,
): Promise<readonly PassageSource[]> {
  const passages = new Array<PassageSource>(rows.length);
  const lengths = rows.map(({ ids }) => ids.length);
  for (const slice of sliceByLength(lengths, BATCH)) {
    const { vector, states } = await session.run(padded(slice.map((row) => rows[row]!.ids)));
    const longest = lengths[slice.at(-1)!]!;
    slice.forEach((row, at) => {
      const { ids, start, end } = rows[row]!;
      const first = at * longest * dims.states;
      const all = states!.subarray(first, first + ids.length * dims.states);
      passages[row] = {
        start,
        end,
        vector: vector!.slice(at * dims.vector, (at + 1) * dims.vector),
        states: rule === RULES.merged ? mergeNeighbours(all, dims.states) : all.slice(),
      };
    });
  }
  return passages;
}

/** One document in its stored form. */
function document(
  { dims, stateDtype: dtype, id: bundleId }: Bundle,
  splitting: Splitting,
  hash: string,
  truncated: boolean,
  passages: readonly PassageSource[],
): EncodedDocument {
  return {
    tokens: passages.reduce((sum, { states }) => sum + states.length / dims.states, 0),
    truncated,
    vector: meanVector(passages.map(({ vector }) => vector)),
    states: encodePassages({ bundleId, hash, truncated, dtype, dims: dims.states, splitting, passages }),
  };
}
