/** The cross-encoder: query and document in one text, read by every layer. What the interaction was derived from. */
import type { Bundle } from './bundle.ts';
import type { Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import type { CrossTask } from './tasks.ts';
import { paddedPairs } from './token-inputs.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Padded tokens of one inference: pairs gain nothing from more company. */
const BATCH = { tokens: 512, rows: 5 };

/**
 * What the graph gives for each text of the task, in its order; the cosine is not in it.
 * Precondition: the bundle has the graph, and with it `limits.pairTokens`.
 */
export async function pairScores(
  session: Session,
  tokenizer: Tokenizer,
  { limits }: Bundle,
  { query, texts }: CrossTask,
): Promise<Float32Array> {
  const { queryTokens, pairTokens } = limits;
  const pairs = tokenizer.encodePairs(query, texts, { queryTokens, pairTokens: pairTokens! });
  const scores = new Float32Array(pairs.length);
  const lengths = pairs.map(({ ids }) => ids.length);
  for (const rows of sliceByLength(lengths, BATCH)) {
    const outputs = await session.run(paddedPairs(rows.map((row) => pairs[row]!)));
    rows.forEach((row, at) => {
      scores[row] = outputs['scores']![at]!;
    });
  }
  return scores;
}
