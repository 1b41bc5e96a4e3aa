/** `mice bench stores`: what each place for states costs on an embedded engine. */
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { benchStores, roundsOf } from '../bench/stores.ts';
import type { EngineName } from '../engine/port.ts';
import { count, watched, writeReport } from './bench-report.ts';

interface Flags {
  readonly json?: string;
  readonly engine: EngineName;
  readonly documents: number;
  readonly questions: number;
  readonly rounds: number;
}

export function storesBench(): Command {
  return new Command('stores')
    .description(
      'Measures what states cost in the documents, in a companion and in the cache, on a real engine.',
    )
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the ratios')
    .addOption(
      new Option('--engine <name>', 'embedded engine')
        .choices(['opensearch', 'elasticsearch'])
        .default('opensearch'),
    )
    .option('--documents <n>', 'passages of the documentation corpus', count('--documents'), 1000)
    .option('--questions <n>', 'questions of a round at most', count('--questions'), 1000)
    .option(
      '--rounds <n>',
      'rounds of searches, after a first one with nothing in memory',
      count('--rounds'),
      5,
    )
    .action(run);
}

async function run({ json, ...extent }: Flags): Promise<void> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const report = await watched(roundsOf(extent), (watch) => benchStores({ root, ...extent, ...watch }));
  await writeReport(report, json);
}
