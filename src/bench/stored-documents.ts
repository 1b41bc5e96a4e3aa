/** Stored states, query states and token ids without meaning, in the forms that the product reads them in. */
import type { Bundle } from '../model/bundle.ts';
import type { EncodedQuery } from '../model/model.ts';
import { splittingOf } from '../model/runtime.ts';
import type { Input } from '../model/session.ts';
import { encodePassages } from '../states/encode.ts';
import { contentHash } from '../states/hash.ts';
import { mostMerged } from '../states/merge.ts';
import { randomFloats } from './graphs/random-values.ts';

/** Of a document of so many tokens. */
export function storedTokens({ stateTokens }: Bundle, tokens: number): number {
  return stateTokens === 'merged' ? tokens - mostMerged(tokens) : tokens;
}

/** Blobs as an index holds them for each of `texts`, read as so many tokens, each in a buffer of its own. */
export function randomDocuments(
  bundle: Bundle,
  texts: readonly string[],
  tokens: number,
): readonly Uint8Array[] {
  const { id: bundleId, dims, stateDtype: dtype } = bundle;
  const splitting = splittingOf(bundle);
  const values = storedTokens(bundle, tokens) * dims.states;
  return texts.map((text) => {
    const states = randomFloats(values).map((value) => value * 20);
    const passage = { start: 0, end: text.length, vector: randomFloats(dims.vector), states };
    return encodePassages({
      ...{ bundleId, hash: contentHash(text), truncated: false, dtype, dims: dims.states },
      ...{ splitting, passages: [passage] },
    });
  });
}

/** As many different texts. */
export function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => String(at));
}

export function randomQuery({ dims }: Bundle, tokens: number): EncodedQuery {
  const states = randomFloats(tokens * dims.hidden).map((value) => value * 20);
  return { tokens, truncated: false, states, vector: randomFloats(dims.vector) };
}

/** Ids and masks of `rows` texts of `tokens` tokens, for encoders and cross-encoders. */
export function randomIds(
  rows: number,
  tokens: number,
  vocabulary: number,
): Record<'input_ids' | 'attention_mask', Input> {
  const dims = [rows, tokens];
  const ids = BigInt64Array.from({ length: rows * tokens }, (_, at) => BigInt((at * 31) % vocabulary));
  return {
    input_ids: { data: ids, dims },
    attention_mask: { data: new BigInt64Array(rows * tokens).fill(1n), dims },
  };
}
