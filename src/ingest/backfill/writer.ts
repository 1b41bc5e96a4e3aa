/** Fields given to stored documents by partial updates that a change in between refuses. */
import type { Engine } from '../../engine/port.ts';
import type { ClientAnswer } from '../../engine/transport.ts';
import { MiceError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { miceFields } from '../fields.ts';
import type { Pace } from './pace.ts';
import {
  type ReadDocument,
  readHit,
  type StandingHit,
  type StandingNeeds,
  sourceFilter,
} from './standing.ts';

export interface WriterNeeds extends StandingNeeds {
  readonly engine: Engine;
  readonly encodeModel: Pick<Model, 'encodeDocuments'>;
  readonly pace: Pace;
  readonly signal: AbortSignal;
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
const BUSY = new Set([429, 503]);

/**
 * Encodes and writes; a document that was changed since it was read is read and encoded anew, never overwritten.
 * @throws MiceError `model-overloaded`, `model-failed`, `upstream-refused`, `upstream-unreachable`, `aborted`
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
    const { again, busy } = await send(open, states, counts, needs);
    if (busy) needs.pace.slower();
    open = [...(busy ? again.busy : []), ...(await reread(again.changed, states, counts, needs))];
  }
  counts.failed += open.length;
  if (open.length > 0) counts.reason ??= 'others kept changing it, or the cluster was busy';
  return counts;
}

async function encode(
  documents: readonly ReadDocument[],
  states: Map<string, Uint8Array>,
  { encodeModel, signal }: WriterNeeds,
): Promise<void> {
  const wanted = new Map(documents.map(({ hash, text }) => [hash, text]));
  for (const hash of states.keys()) wanted.delete(hash);
  if (wanted.size === 0) return;
  const encoded = await encodeModel.encodeDocuments([...wanted.values()], { priority: 'ingest', signal });
  [...wanted.keys()].forEach((hash, at) => {
    states.set(hash, encoded[at]!.states);
  });
}

interface Sent {
  readonly again: { readonly changed: readonly ReadDocument[]; readonly busy: readonly ReadDocument[] };
  readonly busy: boolean;
}

interface Outcome {
  readonly status: number;
  readonly error?: { readonly type?: string; readonly reason?: string };
}

async function send(
  documents: readonly ReadDocument[],
  states: ReadonlyMap<string, Uint8Array>,
  counts: WriteCounts,
  { engine, object, model }: WriterNeeds,
): Promise<Sent> {
  const lines = documents.map(({ hit, hash }) => {
    const { _index, _id, _routing: routing, _seq_no: if_seq_no, _primary_term: if_primary_term } = hit;
    const action = { update: { _index, _id, if_seq_no, if_primary_term, ...(routing && { routing }) } };
    return `${JSON.stringify(action)}\n{"doc":{${JSON.stringify(object)}:${miceFields(states.get(hash)!, model)}}}\n`;
  });
  const answer = await engine.ask({ method: 'POST', path: '/_bulk', lines: lines.join('') });
  if (BUSY.has(answer.status)) return { again: { changed: [], busy: documents }, busy: true };
  const outcomes = outcomesOf(answer, documents.length);
  const [changed, busy]: [ReadDocument[], ReadDocument[]] = [[], []];
  documents.forEach((document, at) => {
    const { status, error } = outcomes[at]!;
    if (status < 300) counts.written++;
    else if (status === 409) changed.push(document);
    else if (status === 404) counts.left++;
    else if (BUSY.has(status)) busy.push(document);
    else {
      counts.failed++;
      counts.reason ??= error?.reason ?? `status ${status}`;
    }
  });
  return { again: { changed, busy }, busy: busy.length > 0 };
}

function outcomesOf({ status, body }: ClientAnswer, documents: number): readonly Outcome[] {
  if (status === 200 && Array.isArray(body?.items) && body.items.length === documents) {
    return body.items.map((item: Record<string, Outcome>) => Object.values(item)[0]);
  }
  const reason = body?.error?.reason ?? body?.error ?? `status ${status}`;
  throw new MiceError('upstream-refused', `The cluster refused a bulk request: ${reason}`);
}

/** What is left to do of documents that others changed, as they are now. */
async function reread(
  changed: readonly ReadDocument[],
  states: ReadonlyMap<string, Uint8Array>,
  counts: WriteCounts,
  needs: WriterNeeds,
): Promise<readonly ReadDocument[]> {
  if (changed.length === 0) return [];
  const docs = changed.map(({ hit: { _index, _id, _routing: routing } }) => ({
    _index,
    _id,
    _source: sourceFilter(needs.object, needs.selection),
    ...(routing && { routing }),
  }));
  const { status, body } = await needs.engine.ask({ method: 'POST', path: '/_mget', body: { docs } });
  if (status !== 200) throw new MiceError('upstream-refused', `_mget answered ${status}.`);
  const found = body.docs as readonly (StandingHit & { readonly found?: boolean })[];
  return found.flatMap((hit) => {
    const read = readHit(hit, needs);
    const ours = hit._source?.[needs.object] as { hash?: unknown; model?: unknown } | null | undefined;
    // A hash of the text of now that we have not encoded came with states, from whoever wrote the text.
    const done = ours?.hash === read.hash && ours.model === needs.model && !states.has(read.hash);
    if (hit.found !== false && hit._seq_no !== undefined && read.text !== '' && !done) return [read];
    counts.left++;
    return [];
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
