/** The hot path to the cluster: kept-alive connections, answers as streams. */
import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import { MiceError, messageOf } from '../errors.ts';
import type { AnswerHeaders } from './headers.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query string, as the cluster shall see them. */
  readonly path: string;
  /** Flat name, value list. */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
  readonly signal: AbortSignal;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: Readable;
}

export interface Upstream {
  /** @throws MiceError `upstream-unreachable` before the first byte of an answer, `aborted` when the caller left */
  send(request: UpstreamRequest): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}

export function openUpstream(url: string): Upstream {
  // No time limits of our own: a reindex or a snapshot may answer after hours, and the caller's limit holds.
  const pool = new Pool(url, { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 } });
  return {
    send: (request) => send(pool, url, request),
    close: () => pool.close(),
  };
}

async function send(pool: Pool, url: string, request: UpstreamRequest): Promise<UpstreamAnswer> {
  try {
    const answer = await pool.request({ ...request, method: request.method as 'GET' });
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  } catch (cause) {
    if (request.signal.aborted)
      throw new MiceError('aborted', 'The caller left before the cluster answered.', { cause });
    throw new MiceError('upstream-unreachable', `The cluster at ${url} did not answer: ${messageOf(cause)}`, {
      cause,
    });
  }
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
