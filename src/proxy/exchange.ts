/** One request and its answer: sending on, answering, failing. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { MiceError } from '../errors.ts';
import { hasBody } from './body.ts';
import { headersForClient, headersForUpstream } from './headers.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query string. */
  readonly target: string;
  /** Fires when the client leaves before it has its answer. */
  readonly signal: AbortSignal;
}

export function openExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const left = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) left.abort();
  });
  return { request, response, target: originForm(request.url ?? '/'), signal: left.signal };
}

export interface Substitute {
  readonly path?: string;
  readonly body?: Buffer | Readable | null;
  /** Lower-case header names that do not fit the body sent instead. */
  readonly drop?: readonly string[];
}

/** Sends the exchange's request to the cluster, as it came but for `substitute`. */
export function sendOn(
  exchange: Exchange,
  upstream: Upstream,
  substitute: Substitute = {},
): Promise<UpstreamAnswer> {
  const { request, target, signal } = exchange;
  const body = substitute.body === undefined ? (hasBody(request) ? request : null) : substitute.body;
  return upstream.send({
    method: request.method ?? 'GET',
    path: substitute.path ?? target,
    headers: headersForUpstream(request, substitute.drop),
    body,
    signal,
  });
}

/** Streams an answer to the client, with `extra` headers of our own. */
export async function answerWith(
  { response }: Exchange,
  answer: UpstreamAnswer,
  extra: Readonly<Record<string, string>> = {},
): Promise<void> {
  response.writeHead(answer.status, { ...headersForClient(answer.headers), ...extra });
  await pipeline(answer.body, response);
}

/** Answers with bytes in place of the cluster's, under its headers. */
export function answerBytes(
  { response }: Exchange,
  answer: Pick<UpstreamAnswer, 'status' | 'headers'>,
  body: Buffer,
  extra: Readonly<Record<string, string>>,
): void {
  const headers = headersForClient(answer.headers, ['content-length']);
  response
    .writeHead(answer.status, { ...headers, ...extra, 'content-length': String(body.length) })
    .end(body);
}

/** Answers with a fault of our own, in the shape that the engines' clients read. */
export function answerFault({ response }: Pick<Exchange, 'response'>, fault: MiceError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const reason = fault.hint === undefined ? fault.message : `${fault.message} ${fault.hint}`;
  const error = { type: `mice_${fault.code.replaceAll('-', '_')}`, reason };
  const body = JSON.stringify({ error: { root_cause: [error], ...error }, status: fault.status });
  response
    .writeHead(fault.status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    })
    .end(body);
}

/** A request in absolute form names a host of the caller's choice; only its path counts (RFC 9112 §3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  return /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/i.exec(target)?.[1] || '/';
}
