/** One POST request that may take as long as it takes: a load waits for encoding, a merge for the disk. */
import { request } from 'undici';
import { MiceError, messageOf } from '../errors.ts';

export interface Posted {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws MiceError `upstream-unreachable` */
export async function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<Posted> {
  try {
    const answer = await request(url, { method: 'POST', headers, body, headersTimeout: 0, bodyTimeout: 0 });
    const text = await answer.body.text();
    return { status: answer.statusCode, text, json: jsonOrUndefined(text) };
  } catch (cause) {
    throw new MiceError('upstream-unreachable', `POST ${url.href} failed: ${messageOf(cause)}`, { cause });
  }
}
