/** Query vectors from the proxy's embedding route. */
import { z } from 'zod';
import { MiceError } from '../errors.ts';
import { send } from './send.ts';

/** Graphs that read a query: the bottom layers of the re-ranker, or the small one distilled from them. */
export type QueryGraph = 'query' | 'query-fast';

/** Text of a query → its first-stage vector by `graph`. */
export type EmbedQuery = (text: string, graph: QueryGraph) => Promise<readonly number[]>;

const answerShape = z.object({
  data: z.array(z.object({ embedding: z.array(z.number()).min(1) })).length(1),
});

/**
 * Asks `POST /_mice/v1/embeddings` of the proxy at `proxyUrl`.
 *
 * @throws MiceError `proxy-refused` when the answer is not a vector
 */
export function embedThrough(proxyUrl: string, headers: Readonly<Record<string, string>> = {}): EmbedQuery {
  const url = new URL('/_mice/v1/embeddings', proxyUrl);
  return async (text, graph) => {
    // Without `model` the route reads with the graph `query`.
    const model = graph === 'query' ? {} : { model: graph };
    const body = JSON.stringify({ input: [text], input_type: 'query', ...model });
    const answer = await send(url, { method: 'POST', headers, body });
    const parsed = answerShape.safeParse(answer.json);
    if (parsed.success) return parsed.data.data[0]!.embedding;
    throw new MiceError(
      'proxy-refused',
      `${url.href} gave no vector but ${answer.status}: ${answer.text.slice(0, 200)}`,
      {
        hint: 'The address of a running mice proxy is expected; without one, only the mode bm25 can be measured.',
      },
    );
  };
}
