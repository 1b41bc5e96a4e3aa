/** What the measuring commands have in common. */
import { writeFile } from 'node:fs/promises';
import type { BenchReport } from '../bench/report.ts';
import { MiceError } from '../errors.ts';
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

/** To the file `json`, and the ratios on standard output; `-` writes all of it there. */
export async function writeReport(report: BenchReport, json: string | undefined): Promise<void> {
  if (json === '-') return printJson(report);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  const names = Object.keys(report.ratios);
  const width = Math.max(20, ...names.map((name) => name.length));
  const lines = names.map((name) => `${name.padEnd(width)} ${report.ratios[name]}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
