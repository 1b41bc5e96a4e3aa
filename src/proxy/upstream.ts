/** The hot path to the cluster: kept-alive connections, several nodes, answers as they come. */
import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { MiceError, messageOf } from '../errors.ts';
import { type AnswerHeaders, headerRecord } from './headers.ts';
import { type ClusterNode, type Nodes, type NodesOptions, openNodes } from './nodes.ts';
import { type Progress, Reading, Relay } from './relay.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query string, as the cluster shall see them. */
  readonly path: string;
  /** Flat name, value list. */
  readonly headers: string[];
  readonly body: Buffer | Readable | AsyncIterable<Buffer> | null;
  readonly signal: AbortSignal;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly statusMessage: string;
  readonly headers: AnswerHeaders;
  /** Flat name, value list. */
  readonly rawHeaders: readonly string[];
  readonly body: Readable;
}

export interface Upstream {
  /** @throws MiceError `upstream-unreachable` before the first byte of an answer, `aborted` when the caller left */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
  /**
   * Streams the answer to a client, with `extra` headers (a flat list), and gives its status.
   * @throws as `send` does, and when the answer breaks off: then `response` has its head already
   */
  relay(
    request: Omit<UpstreamRequest, 'signal'>,
    response: ServerResponse,
    extra?: readonly string[],
  ): Promise<number>;
  readonly nodes: readonly ClusterNode[];
  close(): Promise<void>;
}

export function openUpstream(urls: string | readonly string[], options: NodesOptions = {}): Upstream {
  const nodes = openNodes([urls].flat(), options);
  return {
    nodes: nodes.all,
    send: (request) =>
      onANode(
        nodes,
        request,
        () => request.signal.aborted,
        (node, progress) => read(node, request, progress),
      ),
    relay: (request, response, extra = []) =>
      onANode(
        nodes,
        request,
        () => response.destroyed,
        (node, progress) => relayTo(response, node, request, extra, progress),
      ),
    close: () => nodes.close(),
  };
}

type Sent = Omit<UpstreamRequest, 'signal'>;

function read(node: ClusterNode, request: UpstreamRequest, progress: Progress): Promise<UpstreamAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
  const opened = (head: Omit<UpstreamAnswer, 'headers' | 'body'>, body: Readable) => {
    node.succeeded();
    resolve({ ...head, headers: headerRecord(head.rawHeaders), body });
  };
  dispatch(node, request, progress, new Reading(progress, request.signal, opened, reject));
  return promise;
}

function relayTo(
  response: ServerResponse,
  node: ClusterNode,
  request: Sent,
  extra: readonly string[],
  progress: Progress,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const done = (status: number) => {
    node.succeeded();
    resolve(status);
  };
  dispatch(node, request, progress, new Relay(progress, response, extra, done, reject));
  return promise;
}

function dispatch(
  node: ClusterNode,
  { method, path, headers, body }: Sent,
  progress: Progress,
  handler: Reading | Relay,
): void {
  const watched = body === null || Buffer.isBuffer(body) ? body : watchedBody(body, progress);
  node.dispatcher.dispatch(
    { method: method as 'GET', path, headers, body: watched as Readable | null },
    handler,
  );
}

/** What breaks here is no fault of the node, though it ends the connection to it. */
async function* watchedBody(body: AsyncIterable<Buffer>, progress: Progress): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    progress.bodyFault = error;
    throw error;
  }
}

/**
 * Tries the nodes in turn. A request that no connection took goes to the next node whatever it is; one that may
 * have been acted on is repeated only where its method is safe (RFC 9110 §9.2.2) and its body is still at hand.
 */
async function onANode<T>(
  nodes: Nodes,
  request: Sent,
  hasLeft: () => boolean,
  attempt: (node: ClusterNode, progress: Progress) => Promise<T>,
): Promise<T> {
  let fault: unknown;
  let tried: string | undefined;
  for (const node of nodes.inTurn()) {
    const progress: Progress = { sent: false, answered: false };
    try {
      return await attempt(node, progress);
    } catch (error) {
      if (hasLeft())
        throw new MiceError('aborted', 'The caller left before the cluster answered.', { cause: error });
      if (progress.bodyFault !== undefined) throw progress.bodyFault;
      if (isRefusal(error))
        throw new MiceError('bad-message', `The request cannot be sent on: ${error.message}.`);
      if (progress.answered) throw brokenOff(node, error);
      node.failed();
      fault = error;
      tried = node.url;
      if (progress.sent && !isRepeatable(request)) break;
    }
  }
  throw unreachable(nodes, tried, fault);
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

function isRepeatable({ method, body }: Sent): boolean {
  return safeMethods.has(method) && (body === null || Buffer.isBuffer(body));
}

/** The client library does not send what is no HTTP. */
function isRefusal(error: unknown): error is Error {
  const { code } = error as { code?: string };
  return code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED';
}

function brokenOff(node: ClusterNode, cause: unknown): MiceError {
  const message = `The answer of the cluster at ${node.url} broke off: ${messageOf(cause)}`;
  return new MiceError('upstream-unreachable', message, { cause });
}

function unreachable(nodes: Nodes, tried: string | undefined, cause: unknown): MiceError {
  if (tried === undefined) {
    const urls = nodes.all.map(({ url }) => url).join(', ');
    return new MiceError('upstream-unreachable', `Nothing answered at ${urls}; it is asked again shortly.`);
  }
  const message = `The cluster at ${tried} did not answer: ${messageOf(cause)}`;
  return new MiceError('upstream-unreachable', message, { cause });
}

/** Reads an answer whole; undefined when it is over `limitBytes`, and the rest is then discarded. */
export async function readAnswer(body: Readable, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
