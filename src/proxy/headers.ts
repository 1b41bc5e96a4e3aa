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

/** Flat name, value list: order, case and repetitions as they came. */
export type HeaderList = string[];

/**
 * Request headers for the cluster.
 * @param drop lower-case names that do not fit the body that is sent instead
 */
export function headersForUpstream(request: IncomingMessage, drop: readonly string[] = []): HeaderList {
  const nominated = nominatedIn(request.headers.connection);
  return kept(
    request.rawHeaders,
    (name) =>
      hopByHop.has(name) ||
      setAnew.has(name) ||
      controlHeaders.has(name) ||
      nominated.has(name) ||
      drop.includes(name),
  );
}

/** Lower-case name → value or values. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Headers of an answer that is handed on as it came. */
export function headersToRelay(raw: readonly string[]): HeaderList {
  const connection = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]!.toLowerCase() === 'connection');
  const nominated = nominatedIn(connection);
  return kept(raw, (name) => hopByHop.has(name) || nominated.has(name));
}

/** Headers of an answer whose body is another one than came. */
export function headersForClient(
  headers: AnswerHeaders,
  drop: readonly string[] = [],
): Record<string, string | string[]> {
  const nominated = nominatedIn(headers['connection']);
  const passed: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHop.has(name) || nominated.has(name) || drop.includes(name)) continue;
    passed[name] = value;
  }
  return passed;
}

/** The list as a record, repeated fields as arrays. */
export function headerRecord(raw: readonly string[]): AnswerHeaders {
  const record: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const before = record[name];
    record[name] = before === undefined ? raw[at + 1]! : [before, raw[at + 1]!].flat();
  }
  return record;
}

/** The list without fields of these lower-case names. */
export function withoutHeaders(raw: readonly string[], names: readonly string[]): HeaderList {
  return kept(raw, (name) => names.includes(name));
}

function kept(raw: readonly string[], ends: (name: string) => boolean): HeaderList {
  const list: HeaderList = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (!ends(raw[at]!.toLowerCase())) list.push(raw[at]!, raw[at + 1]!);
  }
  return list;
}

const none: ReadonlySet<string> = new Set();

function nominatedIn(connection: string | readonly string[] | undefined): ReadonlySet<string> {
  const text = typeof connection === 'string' ? connection : (connection?.join(',') ?? '');
  if (text === '' || text === 'keep-alive' || text === 'close') return none;
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()));
}
