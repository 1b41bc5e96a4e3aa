import { Client, errors } from '@opensearch-project/opensearch';
import type { EngineAddress } from '../port.ts';
import type { ClientAnswer, ClientRequest, ClientTransport } from '../transport.ts';
import { bodyOf, clientOptions, plainHeaders } from '../transport.ts';

/** @opensearch-project/opensearch, used by path like its twin, so that one administration serves both engines. */
export function openTransport(address: EngineAddress): ClientTransport {
  const { secure, ...options } = clientOptions(address);
  const client = new Client({ ...options, ...(secure && { ssl: secure }) });
  return {
    request: (request) => send(client, request),
    close: () => client.close(),
  };
}

async function send(client: Client, request: ClientRequest): Promise<ClientAnswer> {
  const { method, path, query, body, lines } = request;
  try {
    const answer = await client.transport.request(
      {
        method,
        path,
        ...(query && { querystring: { ...query } }),
        ...(body && { body: { ...body } }),
        ...(lines !== undefined && { bulkBody: lines }),
      },
      { asStream: request.asBytes === true },
    );
    return {
      status: answer.statusCode ?? 0,
      headers: plainHeaders(answer.headers),
      body: await bodyOf(answer.body, request),
    };
  } catch (error) {
    if (!(error instanceof errors.ResponseError)) throw error;
    return { status: error.statusCode, headers: plainHeaders(error.headers), body: error.body };
  }
}
