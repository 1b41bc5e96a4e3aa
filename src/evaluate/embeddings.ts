/** Query vectors from the proxy's embedding route. */
import { request } from 'undici';
import { z } from 'zod';
import { MiceError } from '../errors.ts';

/** Text of a query → its first-stage vector. */
export type EmbedQuery = (text: string) => Promise<readonly number[]>;

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
  return async (text) => {
    const answer = await request(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ input: [text], input_type: 'query' }),
    });
    const body = await answer.body.text();
    if (answer.statusCode !== 200) throw refused(url, `status ${answer.statusCode}: ${body.slice(0, 200)}`);
    const parsed = answerShape.safeParse(JSON.parse(body));
    if (!parsed.success) throw refused(url, `not {"data":[{"embedding":[number]}]}: ${body.slice(0, 200)}`);
    return parsed.data.data[0]!.embedding;
  };
}

const refused = (url: URL, what: string) =>
  new MiceError('proxy-refused', `${url.href} answered ${what}`, {
    hint: 'The address of a running mice proxy is expected; without one, only the mode bm25 can be measured.',
  });
