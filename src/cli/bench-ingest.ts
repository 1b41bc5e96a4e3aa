/** `mice bench ingest`: what writing through the sidecar costs, and the memory of a long stream. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { benchIngest } from '../bench/ingest.ts';
import type { BenchDocument } from '../bench/sidecar.ts';
import { openDemoData } from '../demo/data.ts';
import { count, watched, writeReport } from './bench-report.ts';

interface IngestFlags {
  readonly json?: string;
  readonly rounds: number;
  readonly documents: number;
  readonly bulk: number;
  readonly connections: number;
  readonly threads: number;
  readonly stream: number;
  readonly bundle?: string;
  readonly data?: string;
}

export function ingestBench(): Command {
  return new Command('ingest')
    .description(
      "Measures documents a second through the proxied _bulk into a real engine against the encoder's own, and memory while a long request streams.",
    )
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the table')
    .option('--rounds <n>', 'rounds, each with texts of its own', count('--rounds'), 7)
    .option('--documents <n>', 'documents of a round', count('--documents'), 300)
    .option('--bulk <n>', 'documents of a bulk request', count('--bulk'), 50)
    .option('--connections <n>', 'bulk requests under way', count('--connections'), 3)
    .option(
      '--threads <n>',
      'threads of the model; the cluster needs a core too',
      count('--threads'),
      Math.max(1, availableParallelism() - 1),
    )
    .option('--stream <MB>', 'length of the request whose memory is watched; 0 leaves it out', length, 1000)
    .option('--bundle <directory>', 'model bundle; the one in the package unless given')
    .option(
      '--data <directory>',
      'a collection in BEIR layout, in place of the documentation of the packages',
    )
    .action(runIngestBench);
}

function length(text: string): number {
  return text === '0' ? 0 : count('--stream')(text);
}

async function runIngestBench({ json, documents: each, stream, data, ...flags }: IngestFlags): Promise<void> {
  const report = await watched(flags.rounds + 1, async (watch) => {
    const { corpus } = await openDemoData(fileURLToPath(new URL('../..', import.meta.url)), data);
    const documents: BenchDocument[] = [];
    for await (const { title = '', text } of corpus.read()) documents.push({ title, text });
    return benchIngest({ ...flags, ...watch, documents, each, streamMb: stream });
  });
  await writeReport(report, json);
}
