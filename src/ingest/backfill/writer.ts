/** States given to stored documents, without overwriting what others write meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import type { StatesByHash } from '../known-states.ts';
import type { Outcome, ReadDocument, StatesStore } from '../stores/store.ts';
import type { Pace } from './pace.ts';

export interface WriterNeeds {
  readonly store: StatesStore;
  /** States of texts by their hashes, all of them. */
  readonly encode: (texts: ReadonlyMap<string, string>) => Promise<StatesByHash>;
  readonly pace: Pace;
}

export interface WriteCounts {
  /** Documents that have states now. */
  written: number;
  /** Changed or deleted by others in between, and in order without us. */
  left: number;
  /** Refused by the cluster. */
  failed: number;
  /** Why, of the first. */
  reason?: string;
}

/** Rounds in which documents that others change at the same time are read anew. */
const ROUNDS = 8;

/**
 * Encodes and writes; a document that was changed since it was read is read and encoded anew, never overwritten.
 * @throws MiceError `upstream-refused`, `upstream-unreachable`, and what `encode` throws
 */
export async function writeStates(
  documents: readonly ReadDocument[],
  needs: WriterNeeds,
): Promise<WriteCounts> {
  const counts: WriteCounts = { written: 0, left: 0, failed: 0 };
  const states = new Map<string, Uint8Array>();
  let open = documents;
  for (let round = 0; open.length > 0 && round < ROUNDS; round++) {
    if (round > 0) await pause(20 * 2 ** round);
    await encode(open, states, needs);
    const outcomes = await needs.store.write(open, states);
    count(outcomes, counts);
    const [changed, busy] = (['changed', 'busy'] as const).map((kind) =>
      open.filter((_, at) => outcomes[at]!.kind === kind),
    ) as [ReadDocument[], ReadDocument[]];
    if (busy.length > 0) needs.pace.slower();
    open = [...busy, ...(await reread(changed, states, counts, needs))];
  }
  counts.failed += open.length;
  if (open.length > 0) counts.reason ??= 'others kept changing it, or the cluster was busy';
  return counts;
}

async function encode(
  documents: readonly ReadDocument[],
  states: Map<string, Uint8Array>,
  needs: WriterNeeds,
): Promise<void> {
  const wanted = new Map(documents.map(({ hash, text }) => [hash, text]));
  for (const hash of states.keys()) wanted.delete(hash);
  if (wanted.size === 0) return;
  for (const [hash, found] of await needs.encode(wanted)) states.set(hash, found);
}

function count(outcomes: readonly Outcome[], counts: WriteCounts): void {
  for (const outcome of outcomes) {
    if (outcome.kind === 'failed') counts.reason ??= outcome.reason;
    if (outcome.kind === 'written' || outcome.kind === 'left' || outcome.kind === 'failed')
      counts[outcome.kind]++;
  }
}

/** What is left to do of documents that others changed, as they are now. */
async function reread(
  changed: readonly ReadDocument[],
  states: ReadonlyMap<string, Uint8Array>,
  counts: WriteCounts,
  { store }: WriterNeeds,
): Promise<readonly ReadDocument[]> {
  if (changed.length === 0) return [];
  const keys = changed.map(({ hit: { _index: index, _id: id, _routing: routing } }) => ({
    index,
    id,
    routing,
  }));
  const now = await store.read(await store.fetch(keys));
  // A hash of the text of now that we have not encoded came with states, from whoever wrote the text.
  const open = now.filter(({ text, claimed, hash }) => text !== '' && !(claimed && !states.has(hash)));
  counts.left += changed.length - open.length;
  return open;
}
