/** Brings a loaded index to the size it keeps, and makes all of it searchable. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { type Answer, type Sending, send } from './send.ts';

const POLL_MS = 500;

interface ShardStats {
  readonly seq_no: { readonly max_seq_no: number };
  readonly retention_leases?: { readonly leases: readonly { readonly retaining_seq_no: number }[] };
}

interface IndexStats {
  readonly indices: Readonly<
    Record<string, { readonly shards: Readonly<Record<string, readonly ShardStats[]>> }>
  >;
}

async function ask({ address }: Engine, path: string, sending: Sending): Promise<Answer> {
  const headers = { ...address.headers, ...sending.headers };
  const answer = await send(new URL(path, address.url), { ...sending, headers });
  if (answer.status < 300) return answer;
  throw new MiceError(
    'upstream-refused',
    `${sending.method} ${path} was refused: ${answer.text.slice(0, 200)}`,
  );
}

/** Ends the segment that was written to. */
export async function endSegment(engine: Engine, index: string, signal?: AbortSignal): Promise<void> {
  await ask(engine, `/${index}/_flush`, { method: 'POST', signal });
}

/** Merges to one segment, on disk and searchable. @returns true: nothing is left to drop */
export async function mergeWhole(engine: Engine, index: string, signal?: AbortSignal): Promise<boolean> {
  for (const path of ['_flush?force=true', '_forcemerge?max_num_segments=1', '_refresh']) {
    await ask(engine, `/${index}/${path}`, { method: 'POST', signal });
  }
  return true;
}

/**
 * A merge rewrites an index of one segment only when something in it was deleted: one document comes and goes, in the
 * segment that was written to last, since a segment of deleted documents alone is dropped without a merge.
 * Its operations are the last that a retention lease has to pass.
 */
async function writeAndDelete(engine: Engine, index: string): Promise<void> {
  const path = `/${index}/_doc/mice-eval-settle?refresh=true`;
  await ask(engine, path, { method: 'PUT', body: '{}' });
  await ask(engine, path, { method: 'DELETE' });
}

const isReleased = ({ seq_no, retention_leases }: ShardStats) =>
  retention_leases?.leases.every((lease) => lease.retaining_seq_no > seq_no.max_seq_no) ?? true;

async function allReleased(engine: Engine, index: string): Promise<boolean> {
  const { json } = await ask(engine, `/${index}/_stats/docs?level=shards`, { method: 'GET' });
  const shards = Object.values((json as IndexStats).indices).flatMap((one) =>
    Object.values(one.shards).flat(),
  );
  return shards.every(isReleased);
}

/**
 * Merges once nothing is held back. An index with fields excluded from `_source` keeps the whole source a second
 * time, as `_recovery_source`, until a merge after every retention lease has passed the document; a node moves
 * its leases on every 30 s. Unmerged, that copy is about 40 % of an index with states.
 *
 * @param waitMs how long to wait for the leases
 * @returns false when they had not passed by then, and the index is larger than it will be
 */
export async function mergeReleased(
  engine: Engine,
  index: string,
  waitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  await writeAndDelete(engine, index);
  const untilMs = performance.now() + waitMs;
  let released = await allReleased(engine, index);
  while (!released && performance.now() < untilMs) {
    signal?.throwIfAborted();
    await pause(POLL_MS);
    released = await allReleased(engine, index);
  }
  await mergeWhole(engine, index, signal);
  return released;
}
