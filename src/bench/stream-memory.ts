/** Resident memory of the sidecar while one bulk request streams through it. */
import { Readable } from 'node:stream';
import { request } from 'undici';
import { MiceError } from '../errors.ts';
import { type ChildServer, startServer } from './child.ts';
import { type BenchDocument, type SidecarOptions, startSidecar } from './sidecar.ts';

/** Documents that come again and again, under other ids: their texts are read once, and nothing is computed later. */
const DISTINCT = 64;
const DOCUMENT_CHARACTERS = 8000;
const SAMPLES = 32;

export interface StreamMemory {
  readonly samples: readonly { readonly sentMb: number; readonly residentMb: number }[];
  /** The most in the last three quarters over the most in the first. */
  readonly growth: number;
}

/** Undefined where the system does not tell. */
export async function streamMemory(
  documents: readonly BenchDocument[],
  streamMb: number,
  options: SidecarOptions,
): Promise<StreamMemory | undefined> {
  const stub = await startServer('./stub-cluster', []);
  try {
    const sidecar = await startSidecar(stub.url, options);
    try {
      const samples = await sampled(sidecar, bulkOf(longTexts(documents), streamMb * 1e6), streamMb);
      return samples.length === 0 ? undefined : { samples, growth: growthOf(samples) };
    } finally {
      await sidecar.stop();
    }
  } finally {
    await stub.stop();
  }
}

async function sampled(sidecar: ChildServer, chunks: Iterable<Buffer>, streamMb: number) {
  const samples: { sentMb: number; residentMb: number }[] = [];
  let sentMb = 0;
  const watched = function* () {
    for (const chunk of chunks) {
      yield chunk;
      sentMb += chunk.length / 1e6;
      const resident = sidecar.residentBytes();
      if (resident !== undefined && sentMb >= ((samples.length + 1) * streamMb) / SAMPLES)
        samples.push({ sentMb: Math.round(sentMb), residentMb: Math.round(resident / 1e6) });
    }
  };
  const answer = await request(`${sidecar.url}/prepared/_bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: Readable.from(watched()),
    headersTimeout: 0,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200)
    throw new MiceError('proxy-refused', `The stream was answered with ${answer.statusCode}.`);
  return samples;
}

function growthOf(samples: StreamMemory['samples']): number {
  const most = (part: StreamMemory['samples']) => Math.max(...part.map(({ residentMb }) => residentMb));
  const first = Math.ceil(samples.length / 4);
  return most(samples.slice(first)) / most(samples.slice(0, first));
}

function longTexts(documents: readonly BenchDocument[]): readonly string[] {
  const all = documents.map(({ text }) => text).join('\n');
  const step = Math.max(1, Math.floor((all.length - DOCUMENT_CHARACTERS) / DISTINCT));
  return Array.from({ length: DISTINCT }, (_, at) => all.slice(at * step, at * step + DOCUMENT_CHARACTERS));
}

function* bulkOf(texts: readonly string[], bytes: number): Generator<Buffer> {
  for (let sent = 0, id = 0; sent < bytes; id++) {
    const line = Buffer.from(
      `{"index":{"_id":"${id}"}}\n${JSON.stringify({ n: id, text: texts[id % texts.length] })}\n`,
    );
    sent += line.length;
    yield line;
  }
}
