/** One request and its answer: sending on, answering, failing. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { MiceError } from '../errors.ts';
import { bodyOf, hasBody } from './body.ts';
import { headersForClient, headersForUpstream, headersToRelay } from './headers.ts';
import type { Upstream, UpstreamAnswer } from './upstream.ts';

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query string. */
  readonly target: string;
  /** When the request's head had come, on the clock of `performance.now()`. */
  readonly startedMs: number;
  /** Fires when the client leaves before it has its answer. */
  readonly signal: AbortSignal;
  /** Tells a client that waits with its body for 100-continue to send it. */
  askForBody(): void;
}

/** @param awaitsContinue whether the client waits with its body until it is asked for it */
export function openExchange(
  request: IncomingMessage,
  response: ServerResponse,
  awaitsContinue = false,
): Exchange {
  return new OpenExchange(request, response, awaitsContinue);
}

class OpenExchange implements Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: string;
  readonly startedMs = performance.now();
  #left: AbortController | undefined;
  #awaitsContinue: boolean;

  constructor(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) {
    this.request = request;
    this.response = response;
    this.target = originForm(request.url ?? '/');
    this.#awaitsContinue = awaitsContinue;
  }

  /** Made when it is first asked for: most requests pass through without. */
  get signal(): AbortSignal {
    if (this.#left) return this.#left.signal;
    const left = new AbortController();
    this.#left = left;
    if (this.response.destroyed) left.abort();
    this.response.once('close', () => {
      if (!this.response.writableFinished) left.abort();
    });
    return left.signal;
  }

  askForBody(): void {
    if (this.#awaitsContinue) this.response.writeContinue();
    this.#awaitsContinue = false;
  }
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
  return upstream.send({ ...requestOf(exchange, substitute), signal: exchange.signal });
}

/** Sends the request on and streams the answer to the client; gives its status. */
export function relay(
  exchange: Exchange,
  upstream: Upstream,
  substitute: Substitute = {},
  extra: readonly string[] = [],
): Promise<number> {
  return upstream.relay(requestOf(exchange, substitute), exchange.response, extra);
}

function requestOf(exchange: Exchange, substitute: Substitute) {
  const { request, target } = exchange;
  const asItCame = () => (hasBody(request) ? bodyOf(request, () => exchange.askForBody()) : null);
  return {
    method: request.method ?? 'GET',
    path: substitute.path ?? target,
    headers: headersForUpstream(request, substitute.drop),
    body: substitute.body === undefined ? asItCame() : substitute.body,
  };
}

/** Streams an answer to the client, with `extra` headers of our own. */
export async function answerWith(
  { response }: Exchange,
  answer: UpstreamAnswer,
  extra: Readonly<Record<string, string>> = {},
): Promise<void> {
  const headers = [...headersToRelay(answer.rawHeaders), ...Object.entries(extra).flat()];
  response.writeHead(answer.status, answer.statusMessage, headers);
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
  // What the client still sends is read, or it would not come to reading this.
  response.req.resume();
}

/** A request in absolute form names a host of the caller's choice; only its path counts (RFC 9112 §3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const path = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/i.exec(target)?.[1] ?? '';
  return path.startsWith('/') ? path : `/${path}`;
}
