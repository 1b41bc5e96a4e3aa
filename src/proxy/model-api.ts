/** The model by itself, in the dialects that engines and frameworks speak. */
import { z } from 'zod';
import { optionalGraph } from '../model/bundle.ts';
import type { ComputeOptions, Model, QueryVector } from '../model/model.ts';
import type { LiveStates } from './live-states.ts';
import { orderOf } from './order.ts';
import type { Services } from './services.ts';
import { printScore } from './splice.ts';

/** Texts that one request to the model's own routes may hold. */
const MOST_TEXTS = 1000;

/** Names of graphs that a request may ask for; clients of these dialects send names of their own, which are ignored. */
const FAST = 'query-fast';
const CROSS_ENCODER = 'cross-encoder';

const texts = z.array(z.string()).min(1).max(MOST_TEXTS);
export const embeddingsBody = z
  .object({
    input: z.union([z.string().transform((text) => [text]), texts]),
    input_type: z.enum(['query', 'document']).default('document'),
    model: z.string().optional(),
  })
  .refine(({ model, input_type }) => model !== FAST || input_type === 'query', {
    path: ['input_type'],
    error: `with model "${FAST}" the input_type "query" is expected: it reads queries only`,
  });
export const rerankBody = z.object({
  query: z.string().min(1),
  documents: z.union([
    texts,
    z.array(z.object({ text: z.string() })).transform((all) => all.map(({ text }) => text)),
  ]),
  model: z.string().optional(),
  /** The documents come in the order of a first stage, whose rank then counts as it does in a search. */
  first_stage: z.boolean().default(false),
  /** Rank of the first document in that order, for a window that is asked for in parts. */
  first_rank: z.int().min(1).default(1),
  top_n: z.int().min(1).optional(),
  return_documents: z.boolean().default(false),
});

type EmbeddingsRequest = z.infer<typeof embeddingsBody>;
type RerankRequest = z.infer<typeof rerankBody>;

/** The OpenAI shape. @throws MiceError `graph-missing` */
export async function embeddings(
  { model }: Pick<Services, 'model'>,
  asked: EmbeddingsRequest,
  signal: AbortSignal,
): Promise<unknown> {
  const encoded = await vectorsOf(model, asked, signal);
  const tokens = encoded.reduce((sum, each) => sum + each.tokens, 0);
  return {
    object: 'list',
    model: model.bundle.model,
    data: encoded.map((each, index) => ({ object: 'embedding', index, embedding: Array.from(each.vector) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

type Embedded = Pick<QueryVector, 'tokens' | 'vector'>;

async function vectorsOf(
  model: Model,
  { input, input_type, model: name }: EmbeddingsRequest,
  signal: AbortSignal,
): Promise<readonly Embedded[]> {
  if (input_type === 'document') return model.encodeDocuments(input, { priority: 'ingest', signal });
  const encode = (text: string): Promise<Embedded> =>
    name === FAST ? model.encodeQueryFast(text, { signal }) : model.encodeQuery(text, { signal });
  return await Promise.all(input.map(encode));
}

/**
 * The Cohere and Jina shape, sorted by score. Printed by hand: a score without a decimal point is an integer to
 * the engines' connectors, and they refuse it.
 * @throws MiceError `graph-missing`
 */
export async function rerank(
  { model, live }: Pick<Services, 'model' | 'live'>,
  asked: RerankRequest,
  signal: AbortSignal,
): Promise<string> {
  const scored =
    asked.model === CROSS_ENCODER
      ? await crossScores(model, live, asked, signal)
      : await miceScores(model, live, asked, signal);
  const weight = asked.first_stage ? scored.firstStage.weight : 0;
  const ranked = orderOf(Array.from(scored.scores), { ...scored.firstStage, weight }, asked.first_rank);
  const results = ranked.slice(0, asked.top_n).map(({ score, place }) => {
    const text = asked.return_documents
      ? `,"document":{"text":${JSON.stringify(asked.documents[place])}}`
      : '';
    return `{"index":${place},"relevance_score":${printScore(score!)}${text}}`;
  });
  return `{"model":${JSON.stringify(model.bundle.model)},"results":[${results.join(',')}]}`;
}

/** Scores by the model asked for, and how the rank of a first stage enters them. */
interface Scored {
  readonly scores: Float32Array;
  readonly firstStage: Model['bundle']['score']['firstStage'];
}

async function miceScores(
  model: Model,
  live: LiveStates,
  { query, documents }: RerankRequest,
  signal: AbortSignal,
): Promise<Scored> {
  const [encoded, states] = await Promise.all([
    model.encodeQuery(query, { signal }),
    live.all(documents, { signal }),
  ]);
  const { scores } = await model.score(encoded, states, { signal });
  return { scores, firstStage: model.bundle.score.firstStage };
}

/** Behind every search: it is long work. */
async function crossScores(
  model: Model,
  live: LiveStates,
  { query, documents }: RerankRequest,
  signal: AbortSignal,
): Promise<Scored> {
  const how: ComputeOptions = { priority: 'ingest', signal };
  optionalGraph(model.bundle, CROSS_ENCODER);
  const { cosineWeight, firstStage } = model.bundle.score.crossEncoder!;
  // States serve the cosine only.
  const states = cosineWeight === 0 ? [] : await live.all(documents, how);
  const pairs = documents.map((text, at) => ({ text, ...(states[at] && { states: states[at] }) }));
  const { scores } = await model.crossScore(query, pairs, how);
  return { scores, firstStage };
}
