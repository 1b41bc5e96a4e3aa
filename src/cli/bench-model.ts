/** `mice bench rerank|encode`: the model by itself, without server and cluster. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { benchEncode } from '../bench/encode.ts';
import { growthPlot } from '../bench/growth-plot.ts';
import { benchRerank } from '../bench/rerank.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import { count, watched, writeReport } from './bench-report.ts';

interface Flags {
  readonly json?: string;
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
    .action(async ({ json, svg, growth, clients, bundle: directory, rounds }: RerankFlags) => {
      const parts = 1 + Number(growth) + Number(clients);
      const report = await watched(parts * rounds, (watch) =>
        benchRerank({ directory, growth, clients, rounds, ...watch }),
      );
      if (svg !== undefined) await writeFile(svg, growthPlot(report));
      await writeReport(report, json);
    });
}

export function encodeBench(): Command {
  return measured(new Command('encode'))
    .description(
      'Measures the encoders: the fast query encoder against its teacher, two layers against deeper ones, on one thread.',
    )
    .action(async ({ json, bundle: directory, rounds }: Flags) => {
      await writeReport(await watched(rounds, (watch) => benchEncode({ directory, rounds, ...watch })), json);
    });
}

function measured(command: Command): Command {
  return command
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the ratios')
    .option('--bundle <directory>', 'model bundle', defaultBundleDirectory())
    .option('--rounds <n>', 'rounds, each of which measures everything once', count('--rounds'), 9);
}
