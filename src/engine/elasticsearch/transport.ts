import { Client, errors } from '@elastic/elasticsearch';
import type { EngineAddress } from '../port.ts';
import type { ClientAnswer, ClientRequest, ClientTransport } from '../transport.ts';
import { bodyOf, clientOptions, plainHeaders } from '../transport.ts';

/** @elastic/elasticsearch, used by path: an embedded build lacks some of the APIs its methods expect. */
export function openTransport(address: EngineAddress): ClientTransport {
  const { secure, ...options } = clientOptions(address);
  const client = new Client({ ...options, ...(secure && { tls: secure }) });
  return {
    request: (request) => send(client, request),
    close: () => client.close(),
  };
}

/** Plain ones, which every major version takes: those of the client itself only one not older than the client does. */
function mediaTypes({ body, lines }: ClientRequest): Record<string, string> {
  if (lines !== undefined) return { accept: 'application/json', 'content-type': 'application/x-ndjson' };
  return { accept: 'application/json', ...(body && { 'content-type': 'application/json' }) };
}

async function send(client: Client, request: ClientRequest): Promise<ClientAnswer> {
  const { method, path, query, body, lines } = request;
  try {
    const answer = await client.transport.request(
      {
        method,
        path,
        ...(query && { querystring: { ...query } }),
        ...(body && { body }),
        ...(lines !== undefined && { bulkBody: lines }),
      },
      { meta: true, headers: mediaTypes(request), asStream: request.asBytes === true },
    );
    return {
      status: answer.statusCode,
      headers: plainHeaders(answer.headers),
      body: await bodyOf(answer.body, request),
    };
  } catch (error) {
    if (!(error instanceof errors.ResponseError)) throw error;
    return {
      status: error.statusCode ?? 500,
      headers: plainHeaders(error.headers),
      body: error.body,
    };
  }
}
