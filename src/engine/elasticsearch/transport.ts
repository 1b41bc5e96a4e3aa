import { Client, errors } from '@elastic/elasticsearch';
import type { ClientAnswer, ClientRequest, ClientTransport } from '../transport.ts';
import { plainHeaders } from '../transport.ts';

/** @elastic/elasticsearch, used by path: an embedded build lacks some of the APIs its methods expect. */
export function openTransport(url: string, headers: Readonly<Record<string, string>>): ClientTransport {
  const client = new Client({ node: url, headers: { ...headers }, maxRetries: 2, requestTimeout: 120_000 });
  return {
    request: (request) => send(client, request),
    close: () => client.close(),
  };
}

async function send(client: Client, request: ClientRequest): Promise<ClientAnswer> {
  const { method, path, query, body } = request;
  try {
    const answer = await client.transport.request(
      {
        method,
        path,
        ...(query && { querystring: { ...query } }),
        ...(body && { body }),
      },
      { meta: true },
    );
    return { status: answer.statusCode, headers: plainHeaders(answer.headers), body: answer.body };
  } catch (error) {
    if (!(error instanceof errors.ResponseError)) throw error;
    return {
      status: error.statusCode ?? 500,
      headers: plainHeaders(error.headers),
      body: error.body,
    };
  }
}
