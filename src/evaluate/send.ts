/** One request that may take as long as it takes: a load waits for encoding, a merge for the disk. */
import { request } from 'undici';
import { MiceError, messageOf } from '../errors.ts';
import { jsonOrUndefined } from '../json/parse.ts';

export interface Sending {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON, unless a header says otherwise. */
  readonly body?: string;
  /** Ends the request; what is thrown then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

/** @throws MiceError `upstream-unreachable`, or the reason of `signal`; an error status is an answer */
export async function send(url: URL, { method, headers, body, signal }: Sending): Promise<Answer> {
  try {
    const answer = await request(url, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, json: jsonOrUndefined(text) };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new MiceError('upstream-unreachable', `${method} ${url.href} failed: ${messageOf(cause)}`, {
      cause,
    });
  }
}
