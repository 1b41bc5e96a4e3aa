/** Which headers pass. Hop-by-hop fields end here (RFC 9110 §7.6.1), and so do our own controls. */
import type { IncomingMessage } from 'node:http';
import { controlHeaders } from './controls.ts';

/** Fields that belong to one connection, whatever `Connection` says. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Set anew for the next hop: the host by the client library, 100-continue answered by our own server. */
const setAnew: ReadonlySet<string> = new Set(['host', 'expect']);

export type HeaderList = string[];

/**
 * Request headers for the cluster as a flat name, value list: order, case and repetitions kept.
 * @param drop lower-case names that do not fit the body that is sent instead
 */
export function headersForUpstream(request: IncomingMessage, drop: readonly string[] = []): HeaderList {
  const nominated = nominatedIn(request.headers.connection);
  const kept: HeaderList = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || setAnew.has(lower) || nominated.has(lower) || controlHeaders.has(lower))
      continue;
    if (!drop.includes(lower)) kept.push(name, request.rawHeaders[i + 1] as string);
  }
  return kept;
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Answer headers for the client. */
export function headersForClient(
  headers: AnswerHeaders,
  drop: readonly string[] = [],
): Record<string, string | string[]> {
  const nominated = nominatedIn(headers['connection']);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || nominated.has(name) || drop.includes(name)) continue;
    kept[name] = value;
  }
  return kept;
}

function nominatedIn(connection: string | string[] | undefined): ReadonlySet<string> {
  const text = Array.isArray(connection) ? connection.join(',') : (connection ?? '');
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()));
}
