/** Documents a second through the proxied `_bulk` into a real engine, against the encoder's own, in one run. */

import { connectEngine } from '../engine/connect.ts';
import { startEngine } from '../engine/embedded/start.ts';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { verifyStates } from '../ingest/backfill/verify.ts';
import { setupIndex } from '../ingest/setup.ts';
import { openPlacing } from '../ingest/stores/placing.ts';
import { plainSelection, selectText } from '../ingest/text.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import type { Model } from '../model/model.ts';
import { openModel } from '../model/runtime.ts';
import { sendBulk } from './bulk-load.ts';
import { type ChildServer, cpuMsOf } from './child.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median } from './report.ts';
import { type BenchDocument, FIELDS, type SidecarOptions, startSidecar } from './sidecar.ts';
import { streamMemory } from './stream-memory.ts';

export interface IngestBenchOptions extends SidecarOptions {
  /** Each is used once: a text that has states already is not encoded again. */
  readonly documents: readonly BenchDocument[];
  readonly rounds: number;
  /** Documents that are encoded, and as many that are written, a round. */
  readonly each: number;
  /** Documents of a bulk request, and how many requests are under way. */
  readonly bulk: number;
  readonly connections: number;
  /** Length of the bulk request that is streamed while memory is watched; 0 leaves it out. */
  readonly streamMb: number;
  readonly signal: AbortSignal;
  /** Told after every round. */
  readonly onRound: () => void;
}

const INDEX = 'bench-ingest';

interface Round {
  readonly encoderPerSecond: number;
  readonly ingestPerSecond: number;
  /** Processor time a document; undefined where the system does not tell. */
  readonly encoderCpuMs: number | undefined;
  readonly sidecarCpuMs: number | undefined;
  readonly engineCpuMs: number | undefined;
}

/** @throws MiceError `data-invalid` when there are too few documents, `aborted` when the signal fires between rounds */
export async function benchIngest(options: IngestBenchOptions): Promise<BenchReport> {
  const needed = (options.rounds + 1) * options.each;
  if (options.documents.length < needed) {
    throw new MiceError(
      'data-invalid',
      `${needed} documents are needed, and ${options.documents.length} are there.`,
      {
        hint: 'Use fewer rounds, fewer documents a round, or a larger collection (--data DIR).',
      },
    );
  }
  const machine = machineFacts();
  const rounds = await throughput(options);
  const memory =
    options.streamMb > 0 ? await streamMemory(options.documents, options.streamMb, options) : undefined;
  const over = (compare: (round: Round) => number) => median(rounds.map(compare));
  const toldCpu = rounds.every(
    ({ encoderCpuMs, sidecarCpuMs }) => encoderCpuMs !== undefined && sidecarCpuMs !== undefined,
  );
  return {
    machine,
    conditions: conditionsOf(options),
    ratios: rounded({
      vsEncoder: over(({ ingestPerSecond, encoderPerSecond }) => ingestPerSecond / encoderPerSecond),
      ...(toldCpu && {
        cpuVsEncoder: over(({ encoderCpuMs, sidecarCpuMs }) => encoderCpuMs! / sidecarCpuMs!),
      }),
      ...(memory && { residentGrowth: memory.growth }),
    }),
    rows: [
      rounded({
        target: 'encoder',
        documentsPerSecond: over((round) => round.encoderPerSecond),
        ...(toldCpu && { cpuMsPerDocument: over((round) => round.encoderCpuMs!) }),
      }),
      rounded({
        target: 'proxied _bulk',
        documentsPerSecond: over((round) => round.ingestPerSecond),
        ...(toldCpu && {
          cpuMsPerDocument: over((round) => round.sidecarCpuMs!),
          engineCpuMsPerDocument: over((round) => round.engineCpuMs!),
        }),
      }),
      ...(memory?.samples ?? []).map((sample) => rounded({ target: 'memory of a stream', ...sample })),
    ],
  };
}

async function throughput(options: IngestBenchOptions): Promise<readonly Round[]> {
  const closing: (() => Promise<unknown>)[] = [];
  try {
    const server = await startEngine({ heapMb: 1024 });
    closing.push(() => server.stop());
    const engine = await connectEngine({ url: server.url });
    closing.push(() => engine.close());
    const model = await openModel(options.bundle || defaultBundleDirectory(), { threads: options.threads });
    closing.push(() => model.close());
    await setupIndex(engine, INDEX, { object: 'mice', vectorDims: model.bundle.dims.vector });
    const sidecar = await startSidecar(server.url, options);
    closing.push(() => sidecar.stop());
    const rounds = await measured(options, { model, sidecar, enginePid: server.pid });
    await expectFresh(engine, model, (options.rounds + 1) * options.each, options.signal);
    return rounds;
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

interface Contestants {
  readonly model: Model;
  readonly sidecar: ChildServer;
  readonly enginePid: number;
}

async function measured(options: IngestBenchOptions, contestants: Contestants): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  // The first is the warm-up.
  for (let round = 0; round <= options.rounds; round++) {
    options.signal.throwIfAborted();
    const documents = options.documents.slice(round * options.each, (round + 1) * options.each);
    const encode = () => encoded(documents, contestants.model, options.signal);
    const write = () => written(documents, round * options.each, contestants, options);
    // Each goes first equally often: what runs beside does not hit the same one each time.
    if (round % 2 === 0) rounds.push({ ...(await encode()), ...(await write()) });
    else {
      const wrote = await write();
      rounds.push({ ...(await encode()), ...wrote });
    }
    options.onRound();
  }
  return rounds.slice(1);
}

async function encoded(documents: readonly BenchDocument[], model: Model, signal: AbortSignal) {
  const texts = documents.map((document) => selectText(document, plainSelection(FIELDS)));
  const done = stopwatch({ encoder: process.pid });
  await model.encodeDocuments(texts, { priority: 'ingest', signal });
  const { seconds, cpuMs } = done();
  return {
    encoderPerSecond: texts.length / seconds,
    encoderCpuMs: perDocument(cpuMs.encoder, texts.length),
  };
}

async function written(
  documents: readonly BenchDocument[],
  firstId: number,
  { sidecar, enginePid }: Contestants,
  { bulk, connections }: IngestBenchOptions,
) {
  const requests: string[] = [];
  for (let at = 0; at < documents.length; at += bulk) {
    const lines = documents
      .slice(at, at + bulk)
      .map((document, place) => `{"index":{"_id":"${firstId + at + place}"}}\n${JSON.stringify(document)}\n`);
    requests.push(lines.join(''));
  }
  const done = stopwatch({ sidecar: sidecar.pid, engine: enginePid });
  await sendBulk(`${sidecar.url}/${INDEX}/_bulk`, requests, connections);
  const { seconds, cpuMs } = done();
  return {
    ingestPerSecond: documents.length / seconds,
    sidecarCpuMs: perDocument(cpuMs.sidecar, documents.length),
    engineCpuMs: perDocument(cpuMs.engine, documents.length),
  };
}

/** Time and processor time of processes, by their ids. */
function stopwatch<Name extends string>(pids: Readonly<Record<Name, number>>) {
  const names = Object.keys(pids) as Name[];
  const before = names.map((name) => cpuMsOf(pids[name]));
  const startedMs = performance.now();
  return () => {
    const seconds = (performance.now() - startedMs) / 1000;
    const spent = names.map((name, at) => {
      const now = cpuMsOf(pids[name]);
      return [name, now === undefined ? undefined : now - before[at]!];
    });
    return { seconds, cpuMs: Object.fromEntries(spent) as Readonly<Record<Name, number | undefined>> };
  };
}

function perDocument(ms: number | undefined, documents: number): number | undefined {
  return ms === undefined ? undefined : ms / documents;
}

/** What was measured is worth nothing if documents went without states. */
async function expectFresh(
  engine: Engine,
  model: Model,
  documents: number,
  signal: AbortSignal,
): Promise<void> {
  const selectionOf = () => plainSelection(FIELDS);
  const placing = openPlacing({ engine, object: 'mice', rules: [], onFault: () => undefined });
  const options = { engine, placing, object: 'mice', model: model.bundle.model, selectionOf, signal };
  const [report] = await verifyStates(INDEX, options).finally(() => placing.close());
  if (report?.fresh === documents) return;
  throw new MiceError('model-failed', `Of ${documents} documents ${report?.fresh ?? 0} have fresh states.`);
}

function conditionsOf({ rounds, each, bulk, connections, threads, streamMb }: IngestBenchOptions) {
  return {
    ...{ rounds, documentsEach: each, documentsARequest: bulk, connections, modelThreads: threads, streamMb },
    engine: 'OpenSearch, embedded, heap 1024 MB, compiled lightly; one shard',
    compared:
      'the same texts: encoded in one call, and written through the sidecar, the cluster on the same cores; medians of quotients, round by round',
    memory:
      'one bulk request of 8 kB documents whose states are known after the first of them, into a stub; resident memory of the sidecar; growth is the most of the last three quarters of the stream over the most of the first',
  };
}

function rounded<T extends Readonly<Record<string, string | number>>>(figures: T): T {
  const entries = Object.entries(figures).map(([name, value]) => [
    name,
    typeof value === 'number' ? Number(value.toPrecision(4)) : value,
  ]);
  return Object.fromEntries(entries) as T;
}
