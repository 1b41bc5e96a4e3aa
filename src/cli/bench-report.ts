/** What the measuring commands have in common. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { compareRatios } from '../bench/compare.ts';
import type { DocumentationBench } from '../bench/documentation.ts';
import type { BenchReport } from '../bench/report.ts';
import { MiceError } from '../errors.ts';
import { jsonOrUndefined } from '../json/parse.ts';
import { startProgress } from '../observe/progress.ts';
import { watchInterruption } from './interruption.ts';
import { printJson } from './output.ts';

/** Reads the number that follows `flag`. */
export function count(flag: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (value > 0 && value <= 1e6 && (Number.isInteger(value) || flag === '--seconds')) return value;
    throw new MiceError('bad-option', `${flag} does not accept ${JSON.stringify(text)}.`, {
      hint: 'Accepted: a number above 0.',
    });
  };
}

type Flags = Pick<DocumentationBench, 'engine' | 'documents' | 'questions' | 'rounds'> & {
  readonly json?: string;
};

/** A bench on an embedded engine that holds the documentation of the packages. */
export function documentationBench(
  name: string,
  description: string,
  rounds: { readonly meaning: string; readonly usual: number },
  measure: {
    readonly roundsOf: (extent: Omit<Flags, 'json'>) => number;
    readonly bench: (options: DocumentationBench) => Promise<BenchReport>;
  },
): Command {
  return new Command(name)
    .description(description)
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the ratios')
    .addOption(
      new Option('--engine <name>', 'embedded engine')
        .choices(['opensearch', 'elasticsearch'])
        .default('opensearch'),
    )
    .option('--documents <n>', 'passages of the documentation corpus', count('--documents'), 1000)
    .option('--questions <n>', 'questions of a round at most', count('--questions'), 1000)
    .option('--rounds <n>', rounds.meaning, count('--rounds'), rounds.usual)
    .action(async ({ json, ...extent }: Flags) => {
      const root = fileURLToPath(new URL('../../', import.meta.url));
      const report = await watched(measure.roundsOf(extent), (watch) =>
        measure.bench({ root, ...extent, ...watch }),
      );
      await writeReport(report, json);
    });
}

export interface Watch {
  readonly signal: AbortSignal;
  readonly onRound: () => void;
}

/** Measures with progress on the terminal, until it is done or interrupted. */
export async function watched<T>(rounds: number, measure: (watch: Watch) => Promise<T>): Promise<T> {
  const { signal, stop } = watchInterruption('The measurement');
  const progress = startProgress('measuring', rounds, 'rounds');
  try {
    return await measure({ signal, onRound: () => progress.advance(1) });
  } finally {
    progress.stop();
    stop();
  }
}

/** A report that an earlier run has written. @throws MiceError `bad-option` */
export async function readReport(file: string): Promise<BenchReport> {
  const report = await readFile(file, 'utf8').then(jsonOrUndefined, () => undefined);
  if (reportShape.safeParse(report).success) return report as BenchReport;
  throw new MiceError('bad-option', `${file} has no report of a bench.`, {
    hint: 'Accepted: a file that the same command has written with --json.',
  });
}

const reportShape = z.object({
  machine: z.object({ cpu: z.string(), cores: z.number(), load: z.number() }),
  ratios: z.record(z.string(), z.number()),
});

/** Ratios of both reports on standard output, and which became worse. */
export function printComparison(before: BenchReport, now: BenchReport): void {
  const changes = compareRatios(before, now);
  const on = ({ machine: { cpu, cores, load } }: BenchReport) => `${cpu}, ${cores} cores, load ${load}`;
  const rows = [
    ['ratio', 'now', 'before', 'gain', ''],
    ...changes.map(({ ratio, now, before, gain, isWorse }) => [
      ...[ratio, String(now), String(before), gain.toFixed(2)],
      isWorse ? 'worse' : '',
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join(' ')
      .trimEnd(),
  );
  process.stdout.write(`now on ${on(now)}; before on ${on(before)}\n${lines.join('\n')}\n`);
}

/** To the file `json`, and the ratios on standard output; `-` writes all of it there. */
export async function writeReport(report: BenchReport, json: string | undefined): Promise<void> {
  if (json === '-') return printJson(report);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  const names = Object.keys(report.ratios);
  const width = Math.max(20, ...names.map((name) => name.length));
  const lines = names.map((name) => `${name.padEnd(width)} ${report.ratios[name]}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
