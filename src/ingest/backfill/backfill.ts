/** States for documents that are already there: claim a slice → scan → encode what is not fresh → update → checkpoint. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine, IndexBody } from '../../engine/port.ts';
import type { EncodingModel } from '../../model/model.ts';
import { encodeTexts } from '../known-states.ts';
import type { Placing } from '../stores/placing.ts';
import type { ReadDocument, StatesStore } from '../stores/store.ts';
import type { SelectionOf } from '../text.ts';
import { type Claim, ClaimLost, type Job, noCounts, openJob, type SliceCounts } from './jobs.ts';
import { startPace } from './pace.ts';
import { scanSlice } from './scan.ts';
import { type WriterNeeds, writeStates } from './writer.ts';

export interface BackfillOptions {
  readonly engine: Engine;
  readonly model: EncodingModel;
  /** Whether each passage's vector is written too. */
  readonly passageVectors?: boolean;
  /** Name of the object that holds our fields. */
  readonly object: string;
  readonly selectionOf: SelectionOf;
  readonly placing: Placing;
  /** Only documents that a query of the store finds to lack states; one that says so at a glance is believed. */
  readonly lacking?: boolean;
  /** Only the documents that it finds. */
  readonly query?: unknown;
  /** Documents encoded a second at most; 0 for no limit. */
  readonly rate?: number;
  /** Slices that are worked on at a time. */
  readonly parallel?: number;
  /** Documents of a slice, roughly. */
  readonly sliceDocuments?: number;
  /** Time without a sign of life after which another process takes a slice over. */
  readonly leaseMs?: number;
  readonly signal: AbortSignal;
  /** Told what all processes have looked at, and how many documents there are. */
  readonly onProgress?: (scanned: number, documents: number) => void;
}

export interface BackfillSummary extends SliceCounts {
  readonly index: string;
  readonly job: string;
  readonly slices: number;
  /** States of documents that are gone, removed by this process. */
  readonly removed: number;
  /** Time and rate of this process. */
  readonly seconds: number;
  readonly documentsPerSecond: number;
  /** Why documents failed, one reason a slice. */
  readonly reasons: readonly string[];
}

const SLICE_DOCUMENTS = 5000;
const LEASE_MS = 30_000;
const MOST_SLICES = 1024;

/**
 * One index after the other where `index` is an alias or a data stream. Counts are of all processes that share the
 * job.
 * @throws MiceError `index-missing`, `index-mapping`, `upstream-refused`, `upstream-unreachable`, the reason of `signal`
 */
export async function backfill(index: string, options: BackfillOptions): Promise<readonly BackfillSummary[]> {
  const found = await options.engine.describeIndices(index);
  const summaries: BackfillSummary[] = [];
  const stores = new Map<string, StatesStore>();
  for (const name of Object.keys(found)) stores.set(name, await storeFor(name, options));
  for (const [name, store] of stores) summaries.push(await backfillOne(name, found[name]!, store, options));
  return summaries;
}

function storeFor(index: string, options: BackfillOptions): Promise<StatesStore> {
  const { engine, object, model, selectionOf, placing, passageVectors, lacking = false } = options;
  const { bundle, splitting } = model;
  const needs = {
    ...{ engine, object, model: bundle.model, selection: selectionOf(index), splitting, passageVectors },
  };
  return placing.storeOf(index, needs, lacking);
}

async function backfillOne(
  index: string,
  body: IndexBody,
  store: StatesStore,
  options: BackfillOptions,
): Promise<BackfillSummary> {
  const { engine, model, object, selectionOf, leaseMs = LEASE_MS } = options;
  const query = options.query ?? (options.lacking ? store.lacking : undefined);
  const startedMs = performance.now();
  const { uuid = '', number_of_shards: shards = '1' } = body.settings['index'] as Record<string, string>;
  await engine.refresh(index);
  const documents = await engine.count(index);
  const wanted = Math.ceil(documents / (options.sliceDocuments ?? SLICE_DOCUMENTS));
  const identity = {
    ...{ index, indexUuid: uuid, model: model.bundle.model, object },
    ...{ selection: selectionOf(index), query: query ?? null },
    ...{ splitting: model.splitting ?? null, passageVectors: options.passageVectors ?? false },
  };
  const job = await openJob(engine, identity, { slices: slicesOf(wanted, Number(shards)), leaseMs });
  const worker = workerOf(index, job, documents, store, { ...options, query });
  const lanes = Array.from({ length: options.parallel ?? 2 }, () => worker.run());
  // All lanes end before the fault of one is told, so that each has given its slice back.
  const ended = await Promise.allSettled(lanes);
  for (const lane of ended) {
    if (lane.status === 'fulfilled') continue;
    // Whatever the interruption broke off, it is the reason.
    options.signal.throwIfAborted();
    throw lane.reason;
  }
  const states = await job.states();
  const removed = await store.tidy(options.signal);
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    index,
    job: job.id,
    slices: job.slices,
    removed,
    ...states.map(({ counts }) => counts).reduce(added, noCounts),
    seconds,
    documentsPerSecond: worker.written() / seconds,
    reasons: [...new Set(states.flatMap(({ reason }) => reason ?? []))],
  };
}

/** A multiple of the shards, so that each slice lies in one. */
function slicesOf(wanted: number, shards: number): number {
  const least = Math.max(1, Math.min(wanted, MOST_SLICES));
  return Math.max(1, Math.min(Math.ceil(least / shards), Math.floor(MOST_SLICES / shards) || 1)) * shards;
}

function workerOf(index: string, job: Job, documents: number, store: StatesStore, options: BackfillOptions) {
  const { engine, model, query, signal, leaseMs = LEASE_MS } = options;
  const pace = startPace(options.rate ?? 0);
  const needs: WriterNeeds = { store, pace, encode: (texts) => encodeTexts(texts, model, signal) };
  const search = store.search(query);
  let written = 0;
  let sliceFault: unknown;

  async function work(claim: Claim): Promise<void> {
    let counts = noCounts;
    let reason: string | undefined;
    let lost: unknown;
    const beating = setInterval(() => {
      claim.beat(counts).catch((fault: unknown) => {
        lost = fault;
      });
    }, leaseMs / 4);
    try {
      const slice = { number: claim.number, of: job.slices };
      for await (const hits of scanSlice(engine, index, slice, search, signal)) {
        const read = await store.read(hits);
        const standing = (name: string) => read.filter((document) => document.standing === name).length;
        const page = { scanned: read.length, fresh: standing('fresh'), withoutText: standing('no-text') };
        counts = added(counts, { ...noCounts, ...page });
        const open = read.filter((document) => ['stale', 'missing'].includes(document.standing));
        for await (const part of parts(open)) {
          if (lost) throw lost;
          const { reason: why, ...done } = await timed(part);
          reason ??= why;
          written += done.written;
          counts = added(counts, { ...noCounts, ...done });
        }
        await progress(claim, counts);
      }
      clearInterval(beating);
      await claim.finish(counts, reason);
    } catch (fault) {
      clearInterval(beating);
      if (fault instanceof ClaimLost) return;
      await claim.release(counts).catch(() => undefined);
      throw fault;
    } finally {
      clearInterval(beating);
    }
  }

  async function* parts(open: readonly ReadDocument[]): AsyncGenerator<readonly ReadDocument[]> {
    for (let at = 0; at < open.length; ) {
      const part = open.slice(at, at + pace.batch);
      await pace.admit(part.length, signal);
      signal.throwIfAborted();
      yield part;
      at += part.length;
    }
  }

  async function timed(part: readonly ReadDocument[]) {
    const startedMs = performance.now();
    const done = await writeStates(part, needs);
    pace.took(part.length, performance.now() - startedMs);
    return done;
  }

  async function progress(claim: Claim, counts: SliceCounts): Promise<void> {
    if (!options.onProgress) return;
    const others = (await job.states()).filter(({ number }) => number !== claim.number);
    options.onProgress(
      others.reduce((sum, { counts: { scanned } }) => sum + scanned, counts.scanned),
      documents,
    );
  }

  return {
    written: () => written,
    /** Works until every slice is done, by us or by others. */
    async run(): Promise<void> {
      while (sliceFault === undefined) {
        signal.throwIfAborted();
        const claim = await job.claim();
        if (claim === 'done') return;
        if (claim === 'wait') await waited(Math.min(1000, leaseMs / 4), signal);
        else
          await work(claim).catch((fault: unknown) => {
            sliceFault = fault;
            throw fault;
          });
      }
    },
  };
}

/** @throws the reason of `signal` */
async function waited(ms: number, signal: AbortSignal): Promise<void> {
  await pause(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function added(a: SliceCounts, b: SliceCounts): SliceCounts {
  const sum = (key: keyof SliceCounts) => a[key] + b[key];
  return {
    scanned: sum('scanned'),
    fresh: sum('fresh'),
    written: sum('written'),
    left: sum('left'),
    withoutText: sum('withoutText'),
    failed: sum('failed'),
  };
}
