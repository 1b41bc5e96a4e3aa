/** The model by itself, in the dialects that engines and frameworks speak. */
import { z } from 'zod';
import type { EncodedDocument } from '../model/model.ts';
import type { Services } from './services.ts';
import { printScore } from './splice.ts';

/** Texts that one request to the model's own routes may hold. */
const MOST_TEXTS = 1000;

const texts = z.array(z.string()).min(1).max(MOST_TEXTS);
export const embeddingsBody = z.object({
  input: z.union([z.string().transform((text) => [text]), texts]),
  input_type: z.enum(['query', 'document']).default('document'),
});
export const rerankBody = z.object({
  query: z.string().min(1),
  documents: z.union([
    texts,
    z.array(z.object({ text: z.string() })).transform((all) => all.map(({ text }) => text)),
  ]),
  top_n: z.int().min(1).optional(),
  return_documents: z.boolean().default(false),
});
/** The OpenAI shape. */
export async function embeddings(
  { model }: Services,
  { input, input_type }: z.infer<typeof embeddingsBody>,
): Promise<unknown> {
  const encoded =
    input_type === 'query'
      ? await Promise.all(input.map((text) => model.encodeQuery(text)))
      : await model.encodeDocuments(input, { priority: 'ingest' });
  const tokens = encoded.reduce((sum, each) => sum + each.tokens, 0);
  return {
    object: 'list',
    model: model.bundle.model,
    data: encoded.map((each, index) => ({ object: 'embedding', index, embedding: Array.from(each.vector) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/**
 * The Cohere and Jina shape, sorted by score. Printed by hand: a score without a decimal point is an integer to
 * the engines' connectors, and they refuse it.
 */
export async function rerank({ model }: Services, asked: z.infer<typeof rerankBody>): Promise<string> {
  const [query, documents] = await Promise.all([
    model.encodeQuery(asked.query),
    model.encodeDocuments(asked.documents),
  ]);
  const { scores } = await model.score(
    query,
    documents.map(({ states }: EncodedDocument) => states),
  );
  const ranked = Array.from(scores, (score, index) => ({ score, index })).sort(
    (a, b) => b.score - a.score || a.index - b.index,
  );
  const results = ranked.slice(0, asked.top_n).map(({ score, index }) => {
    const text = asked.return_documents
      ? `,"document":{"text":${JSON.stringify(asked.documents[index])}}`
      : '';
    return `{"index":${index},"relevance_score":${printScore(score)}${text}}`;
  });
  return `{"model":${JSON.stringify(model.bundle.model)},"results":[${results.join(',')}]}`;
}
