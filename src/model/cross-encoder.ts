/** The cross-encoder: query and document in one text, read by every layer. What the interaction was derived from. */
import { quantizeRow } from '../states/quantize.ts';
import type { Bundle } from './bundle.ts';
import { cosine } from './cosine.ts';
import { encodeDocuments } from './encoder.ts';
import type { Session } from './session.ts';
import { sliceByLength } from './slices.ts';
import type { CrossTask } from './tasks.ts';
import { paddedPairs } from './token-inputs.ts';
import type { Tokenizer } from './tokenizer.ts';

/** Padded tokens of one inference: pairs gain nothing from more company. */
const BATCH = { tokens: 512, rows: 5 };

export interface CrossSessions {
  readonly pairs: Session;
  /** The `document` graph, for the vectors. */
  readonly document: Session;
}

/**
 * pair score + cosineWeight × cosine of each text of the task, in its order. The cosine is that of the document's
 * vector as it would be stored.
 * Precondition: the bundle has the graph, and with it `limits.pairTokens` and `score.crossEncoder`.
 */
export async function crossScores(
  sessions: CrossSessions,
  tokenizer: Tokenizer,
  bundle: Bundle,
  task: CrossTask,
): Promise<Float32Array> {
  const { cosineWeight } = bundle.score.crossEncoder!;
  const scores = await pairScores(sessions.pairs, tokenizer, bundle, task);
  // A cosine without weight is not worth an inference.
  if (cosineWeight === 0) return scores;
  const documents = await encodeDocuments(sessions.document, tokenizer, bundle, task.texts);
  return scores.map(
    (score, at) => score + cosineWeight * cosine(task.queryVector, storedVector(documents[at]!)),
  );
}

async function pairScores(
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

function storedVector({ vector }: { readonly vector: Float32Array }): Int8Array {
  const stored = new Int8Array(vector.length);
  quantizeRow(vector, stored);
  return stored;
}
