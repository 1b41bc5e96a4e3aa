/** The two requests that every store sends: documents by id, and writes in bulk. */
import type { Engine } from '../../engine/port.ts';
import { MiceError } from '../../errors.ts';
import type { Outcome } from './store.ts';

/** One document of `_mget`, as the engines name its parts. */
export interface WantedDocument {
  readonly _index: string;
  readonly _id: string;
  readonly routing?: string;
  readonly _source?: boolean | readonly string[];
}

/**
 * One a wanted document, in real time; undefined where there is none, or not even its index.
 * @throws MiceError `upstream-refused` also where a shard does not say: what is not known is not absent
 */
export async function documentsById<T>(
  engine: Engine,
  docs: readonly WantedDocument[],
): Promise<readonly (T | undefined)[]> {
  if (docs.length === 0) return [];
  const { status, body } = await engine.ask({ method: 'POST', path: '/_mget', body: { docs } });
  if (status !== 200) throw new MiceError('upstream-refused', `_mget answered ${status}.`);
  return body.docs.map((doc: T & ById) => {
    if (doc.error && doc.error.type !== 'index_not_found_exception')
      throw new MiceError('upstream-refused', `A document could not be read: ${doc.error.reason}`);
    return doc.found ? doc : undefined;
  });
}

interface ById {
  readonly found?: boolean;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

export function routed(routing: string | undefined): { readonly routing?: string } {
  return routing === undefined ? {} : { routing };
}

export interface BulkItem {
  readonly status: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

const BUSY = new Set([429, 503]);

/**
 * Sends `lines`, one write each.
 * @param conflict what it means that another write came first
 * @param absent what it means that there is no such document
 * @throws MiceError `upstream-refused`, `upstream-unreachable`
 */
export async function writeInBulk(
  engine: Engine,
  lines: readonly string[],
  { conflict, absent }: { readonly conflict: Outcome['kind']; readonly absent: Outcome['kind'] },
): Promise<readonly Outcome[]> {
  if (lines.length === 0) return [];
  const { status, body } = await engine.ask({ method: 'POST', path: '/_bulk', lines: lines.join('') });
  if (BUSY.has(status)) return lines.map(() => ({ kind: 'busy' }));
  if (status !== 200 || !Array.isArray(body?.items) || body.items.length !== lines.length) {
    const reason = body?.error?.reason ?? body?.error ?? `status ${status}`;
    throw new MiceError('upstream-refused', `The cluster refused a bulk request: ${reason}`);
  }
  return body.items.map((item: Readonly<Record<string, BulkItem>>) => {
    const { status: code, error } = Object.values(item)[0]!;
    if (code < 300) return { kind: 'written' };
    if (code === 409) return { kind: conflict };
    if (code === 404) return { kind: absent };
    if (BUSY.has(code)) return { kind: 'busy' };
    return { kind: 'failed', reason: error?.reason ?? `status ${code}` };
  });
}
