/** `mice bench rerank|encode`: the model by itself, without server and cluster. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { benchEncode } from '../bench/encode.ts';
import { growthPlot } from '../bench/growth-plot.ts';
import type { BenchReport } from '../bench/report.ts';
import { benchRerank } from '../bench/rerank.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import { count, printComparison, readReport, type Watch, watched, writeReport } from './bench-report.ts';

interface Flags {
  readonly json?: string;
  readonly compare?: string;
  readonly bundle: string;
  readonly rounds: number;
}

interface RerankFlags extends Flags {
  readonly svg?: string;
  readonly growth: boolean;
  readonly clients: boolean;
}

export function rerankBench(): Command {
  return measured(new Command('rerank'))
    .description(
      'Measures scoring a window from stored bytes, against cross-encoders, MaxSim and the machine’s limits, on one thread.',
    )
    .option('--no-growth', 'leave out how cost grows with candidates, document length and query length')
    .option('--no-clients', 'leave out what concurrent clients get through a proxy')
    .option('--svg <file>', 'write a plot of how cost grows')
    .action(async ({ svg, growth, clients, bundle: directory, rounds, ...out }: RerankFlags) => {
      const parts = 1 + Number(growth) + Number(clients);
      const report = await reported(out, parts * rounds, (watch) =>
        benchRerank({ directory, growth, clients, rounds, ...watch }),
      );
      if (svg !== undefined) await writeFile(svg, growthPlot(report));
    });
}

export function encodeBench(): Command {
  return measured(new Command('encode'))
    .description(
      'Measures the encoders: the fast query encoder against its teacher, two layers against deeper ones, on one thread.',
    )
    .action(async ({ bundle: directory, rounds, ...out }: Flags) => {
      await reported(out, rounds, (watch) => benchEncode({ directory, rounds, ...watch }));
    });
}

/** Measured, written, and held against an earlier report where one is given. */
async function reported(
  { json, compare }: Pick<Flags, 'json' | 'compare'>,
  rounds: number,
  measure: (watch: Watch) => Promise<BenchReport>,
): Promise<BenchReport> {
  const before = compare === undefined ? undefined : await readReport(compare);
  const report = await watched(rounds, measure);
  await writeReport(report, json);
  if (before && json !== '-') printComparison(before, report);
  return report;
}

function measured(command: Command): Command {
  return command
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the ratios')
    .option('--compare <file>', 'print the ratios beside those of an earlier report, and which became worse')
    .option('--bundle <directory>', 'model bundle', defaultBundleDirectory())
    .option('--rounds <n>', 'rounds, each of which measures everything once', count('--rounds'), 9);
}
