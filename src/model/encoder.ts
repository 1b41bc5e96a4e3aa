/** The early layers: token ids to states and vectors. */

import { encodeStates } from '../states/encode.ts';
import { contentHash } from '../states/hash.ts';
import type { Bundle } from './bundle.ts';
import type { EncodedDocument, EncodedQuery, QueryVector } from './model.ts';
import type { Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import { padded } from './token-inputs.ts';
import type { TokenIds, Tokenizer } from './tokenizer.ts';

/**
 * Tokens of one inference. Only short documents gain from company (10–25% below 60 tokens): longer ones keep a core
 * busy alone, and small inferences let a search in between. Documents of other lengths are no company: padding changes
 * the order of a float32 sum, and with it now and then the last bit of what is stored.
 */
const BATCH = { tokens: 256, rows: 32, sameLength: true };

export async function encodeQuery(
  session: Session,
  tokenizer: Tokenizer,
  bundle: Bundle,
  text: string,
): Promise<EncodedQuery> {
  const { ids, truncated } = tokenizer.encode(text, bundle.limits.queryTokens);
  const { states, vector } = await session.run(padded([ids]));
  return { tokens: ids.length, truncated, states: states!.slice(), vector: vector!.slice() };
}

/** As {@link encodeQuery}, of a graph that gives the vector only. */
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
  texts: readonly string[],
): Promise<readonly EncodedDocument[]> {
  const tokens = texts.map((text) => tokenizer.encode(text, bundle.limits.documentTokens));
  const documents = new Array<EncodedDocument>(texts.length);
  const lengths = tokens.map(({ ids }) => ids.length);
  for (const rows of sliceByLength(lengths, BATCH)) {
    const outputs = await session.run(padded(rows.map((row) => tokens[row]!.ids)));
    const longest = lengths[rows.at(-1)!]!;
    rows.forEach((row, at) => {
      documents[row] = document(outputs, at, longest, bundle, tokens[row]!, texts[row]!);
    });
  }
  return documents;
}

/** Document number `at` of a batch padded to `longest` tokens, in its stored form. */
function document(
  outputs: Readonly<Record<string, Float32Array>>,
  at: number,
  longest: number,
  bundle: Bundle,
  { ids, truncated }: TokenIds,
  text: string,
): EncodedDocument {
  const { dims, stateDtype: dtype, id: bundleId } = bundle;
  const first = at * longest * dims.states;
  const vector = outputs['vector']!.slice(at * dims.vector, (at + 1) * dims.vector);
  const states = encodeStates({
    bundleId,
    hash: contentHash(text),
    truncated,
    dtype,
    dims: dims.states,
    vector,
    states: outputs['states']!.subarray(first, first + ids.length * dims.states),
  });
  return { tokens: ids.length, truncated, vector, states };
}
