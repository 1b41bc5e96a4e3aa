/** `mice bench steps`: whether to ask for states with a search, or for those that memory lacks after it. */
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { benchSteps } from '../bench/steps.ts';
import type { EngineName } from '../engine/port.ts';
import { count, watched, writeReport } from './bench-report.ts';

interface Flags {
  readonly json?: string;
  readonly engine: EngineName;
  readonly documents: number;
  readonly questions: number;
  readonly rounds: number;
}

export function stepsBench(): Command {
  return new Command('steps')
    .description(
      'Measures asking for states with a search against asking, after it, for those that memory lacks, on a real engine.',
    )
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the ratios')
    .addOption(
      new Option('--engine <name>', 'embedded engine')
        .choices(['opensearch', 'elasticsearch'])
        .default('opensearch'),
    )
    .option('--documents <n>', 'passages of the documentation corpus', count('--documents'), 1000)
    .option('--questions <n>', 'questions of a round at most', count('--questions'), 1000)
    .option('--rounds <n>', 'rounds, each of which asks every question in every way', count('--rounds'), 9)
    .action(run);
}

async function run({ json, ...extent }: Flags): Promise<void> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const report = await watched(extent.rounds + 2, (watch) => benchSteps({ root, ...extent, ...watch }));
  await writeReport(report, json);
}
