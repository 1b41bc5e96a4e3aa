/**
 * Messages that two servers could read differently: whoever gets one past a proxy can hide a second request in it.
 * Node's parser refuses most (two lengths, a length beside chunks, line breaks in fields); what it lets by is here.
 */
import type { IncomingMessage } from 'node:http';
import { MiceError } from '../errors.ts';

interface Rule {
  readonly message: string;
  readonly holds: (request: IncomingMessage) => boolean;
}

const rules: readonly Rule[] = [
  {
    message: 'The request names no version of HTTP that is spoken here.',
    holds: ({ httpVersionMajor }) => httpVersionMajor !== 1,
  },
  {
    message: 'The request has a transfer coding that is not taken apart here.',
    holds: ({ headers }) => (headers['transfer-encoding'] ?? 'chunked').toLowerCase() !== 'chunked',
  },
  {
    message: 'A request of HTTP/1.0 has no transfer coding (RFC 9112 §6.1).',
    holds: ({ headers, httpVersion }) => headers['transfer-encoding'] !== undefined && httpVersion === '1.0',
  },
  {
    message: 'The request names its host more than once (RFC 9112 §3.2).',
    holds: ({ rawHeaders }) => countOf('host', rawHeaders) > 1,
  },
];

/** Why the request is not sent on; undefined when it may be. */
export function refusalOf(request: IncomingMessage): MiceError | undefined {
  const rule = rules.find(({ holds }) => holds(request));
  return rule && new MiceError('bad-message', rule.message);
}

function countOf(name: string, rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const field = rawHeaders[at]!;
    if (field.length === name.length && field.toLowerCase() === name) count += 1;
  }
  return count;
}
