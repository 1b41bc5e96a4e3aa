/**
 * Checkpoints of a backfill in the cluster: one small document a slice, claimed by whoever works on it. Any number
 * of processes share a job; one that is killed loses its claim when its document has not changed for a while.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Engine } from '../../engine/port.ts';
import { MiceError } from '../../errors.ts';

/** The index of all jobs. */
export const JOBS_INDEX = 'mice-jobs';

/** What makes two runs the same job: it is taken up where it was left. */
export interface JobIdentity {
  readonly index: string;
  readonly indexUuid: string;
  /** Value of `mice.model`. */
  readonly model: string;
  readonly object: string;
  readonly selection: unknown;
  readonly query: unknown;
  readonly splitting: unknown;
  readonly passageVectors: boolean;
}

export interface SliceCounts {
  readonly scanned: number;
  readonly fresh: number;
  readonly written: number;
  readonly left: number;
  readonly withoutText: number;
  readonly failed: number;
}

export const noCounts: SliceCounts = { scanned: 0, fresh: 0, written: 0, left: 0, withoutText: 0, failed: 0 };

export interface SliceState {
  readonly number: number;
  readonly state: 'open' | 'done';
  readonly owner: string;
  readonly counts: SliceCounts;
  /** Why, of the first document that failed. */
  readonly reason?: string;
}

/** A slice that is ours until {@link Claim.finish}, or until somebody else takes it over. */
export interface Claim {
  readonly number: number;
  /** Says that we are alive, and how far. @throws ClaimLost */
  beat(counts: SliceCounts): Promise<void>;
  /** @throws ClaimLost */
  finish(counts: SliceCounts, reason: string | undefined): Promise<void>;
  /** Gives the slice back, for whoever comes next. */
  release(counts: SliceCounts): Promise<void>;
}

/** Somebody else took the slice over, thinking us dead. */
export class ClaimLost extends Error {}

export interface Job {
  readonly id: string;
  readonly slices: number;
  /** The next slice that nobody works on; `wait` while others work on all that are left, `done` when none is. */
  claim(): Promise<Claim | 'wait' | 'done'>;
  states(): Promise<readonly SliceState[]>;
}

interface JobRecord {
  readonly run: string;
  readonly slices: number;
}

interface SliceRecord extends Omit<SliceState, 'number'> {
  readonly run: string;
  readonly beat: number;
}

interface Stored<T> {
  readonly record: T;
  readonly seqNo: number;
  readonly term: number;
}

export interface JobOptions {
  /** Slices of a job that is new. */
  readonly slices: number;
  /** Time without a sign of life after which a slice is taken over. */
  readonly leaseMs: number;
}

/**
 * Opens the job of `identity`: the one under way, or a new run when there is none or the last one is done.
 * @throws MiceError `upstream-refused`, `upstream-unreachable`
 */
export async function openJob(engine: Engine, identity: JobIdentity, options: JobOptions): Promise<Job> {
  await makeIndex(engine);
  const id = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 24);
  for (let tries = 0; tries < 10; tries++) {
    const found = await read<JobRecord>(engine, id);
    if (found) {
      const job = jobOf(engine, id, found.record, options.leaseMs);
      if ((await job.states()).some(({ state }) => state === 'open')) return job;
    }
    const record: JobRecord & { about: JobIdentity } = {
      run: randomUUID(),
      slices: options.slices,
      about: identity,
    };
    if (await write(engine, id, record, found)) return jobOf(engine, id, record, options.leaseMs);
  }
  throw new MiceError('upstream-refused', `The job ${id} in ${JOBS_INDEX} kept changing.`);
}

function jobOf(engine: Engine, id: string, { run, slices }: JobRecord, leaseMs: number): Job {
  const owner = randomUUID();
  /** By our own clock: those of several machines differ. */
  const seen = new Map<number, { readonly seqNo: number; readonly sinceMs: number }>();
  const key = (number: number) => `${id}-${number}`;
  const records = async () => {
    const all = await readAll<SliceRecord>(
      engine,
      Array.from({ length: slices }, (_, number) => key(number)),
    );
    // A record of an earlier run is none of this one.
    return all.map((stored) => ({ stored, current: stored?.record.run === run ? stored : undefined }));
  };
  const isAbandoned = (number: number, { seqNo, record }: Stored<SliceRecord>) => {
    if (record.owner === '') return true;
    const before = seen.get(number);
    if (before?.seqNo === seqNo) return performance.now() - before.sinceMs >= leaseMs;
    seen.set(number, { seqNo, sinceMs: performance.now() });
    return false;
  };
  return {
    id,
    slices,
    async states() {
      return (await records()).map(({ current }, number) => ({
        number,
        state: current?.record.state ?? 'open',
        owner: current?.record.owner ?? '',
        counts: current?.record.counts ?? noCounts,
        ...(current?.record.reason !== undefined && { reason: current.record.reason }),
      }));
    },
    async claim() {
      const all = await records();
      if (all.every(({ current }) => current?.record.state === 'done')) return 'done';
      for (const [number, { stored, current }] of all.entries()) {
        if (current?.record.state === 'done' || (current && !isAbandoned(number, current))) continue;
        const record: SliceRecord = { run, state: 'open', owner, beat: 0, counts: noCounts };
        const place = await write(engine, key(number), record, stored);
        if (place) return claimOf(engine, key(number), number, record, place);
      }
      return 'wait';
    },
  };
}

function claimOf(engine: Engine, key: string, number: number, first: SliceRecord, at: Place): Claim {
  let place = at;
  let beat = 0;
  let turn: Promise<void> = Promise.resolve();
  /** One write after the other: each needs the number of the one before. */
  const put = (change: Partial<SliceRecord>) => {
    turn = turn
      .catch(() => undefined)
      .then(async () => {
        const next = await write(engine, key, { ...first, beat: ++beat, ...change }, place);
        if (!next) throw new ClaimLost(`slice ${number} was taken over`);
        place = next;
      });
    return turn;
  };
  return {
    number,
    beat: (counts) => put({ counts }),
    finish: (counts, reason) => put({ counts, state: 'done', ...(reason !== undefined && { reason }) }),
    release: (counts) => put({ counts, owner: '' }),
  };
}

async function makeIndex(engine: Engine): Promise<void> {
  if (await engine.indexExists(JOBS_INDEX)) return;
  const settings = { index: { number_of_shards: 1, auto_expand_replicas: '0-1', hidden: true } };
  try {
    await engine.createIndex(JOBS_INDEX, { settings, mappings: { dynamic: false } });
  } catch (error) {
    // Another process may have made it at the same moment.
    if (!(await engine.indexExists(JOBS_INDEX))) throw error;
  }
}

interface Place {
  readonly seqNo: number;
  readonly term: number;
}

async function read<T>(engine: Engine, id: string): Promise<Stored<T> | undefined> {
  return (await readAll<T>(engine, [id]))[0];
}

/** In real time, in the order of `ids`. */
async function readAll<T>(
  engine: Engine,
  ids: readonly string[],
): Promise<readonly (Stored<T> | undefined)[]> {
  const docs = ids.map((_id) => ({ _index: JOBS_INDEX, _id }));
  const { status, body } = await engine.ask({ method: 'POST', path: '/_mget', body: { docs } });
  if (status !== 200)
    throw new MiceError('upstream-refused', `${JOBS_INDEX} cannot be read: status ${status}.`);
  return body.docs.map((doc: { found?: boolean; _source: T; _seq_no: number; _primary_term: number }) =>
    doc.found ? { record: doc._source, seqNo: doc._seq_no, term: doc._primary_term } : undefined,
  );
}

/** Undefined when the document is no longer the one at `before`. */
async function write(
  engine: Engine,
  id: string,
  record: JobRecord | SliceRecord,
  before: Place | undefined,
): Promise<Place | undefined> {
  const query: Record<string, string | number> = before
    ? { if_seq_no: before.seqNo, if_primary_term: before.term }
    : { op_type: 'create' };
  const path = `/${JOBS_INDEX}/_doc/${id}`;
  const { status, body } = await engine.ask({ method: 'PUT', path, query, body: { ...record } });
  if (status < 300) return { seqNo: body._seq_no, term: body._primary_term };
  if (status === 409) return undefined;
  const reason = body?.error?.reason ?? `status ${status}`;
  throw new MiceError('upstream-refused', `A checkpoint could not be written to ${JOBS_INDEX}: ${reason}`);
}
