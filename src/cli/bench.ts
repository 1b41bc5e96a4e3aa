/** `mice bench`: ratios, measured side by side in one run. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { benchProxy } from '../bench/proxy.ts';
import type { BenchReport } from '../bench/report.ts';
import { MiceError } from '../errors.ts';
import { startProgress } from '../observe/progress.ts';
import { watchInterruption } from './interruption.ts';
import { printJson } from './output.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measures against references, side by side in one run.')
    .addCommand(proxyBench());
}

interface ProxyFlags {
  readonly json?: string;
  readonly rounds: number;
  readonly requests: number;
  readonly connections: number;
  readonly seconds: number;
}

function proxyBench(): Command {
  const count = (flag: string) => (text: string) => {
    const value = Number(text);
    if (value > 0 && value <= 1e6 && (Number.isInteger(value) || flag === '--seconds')) return value;
    throw new MiceError('bad-option', `${flag} does not accept ${JSON.stringify(text)}.`, {
      hint: 'Accepted: a number above 0.',
    });
  };
  return new Command('proxy')
    .description(
      'Measures what passing a request through adds, and against the plainest proxy on the same library.',
    )
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the table')
    .option('--rounds <n>', 'rounds, each of which measures every target', count('--rounds'), 9)
    .option('--requests <n>', 'requests one after the other, a round and target', count('--requests'), 300)
    .option('--connections <n>', 'connections while throughput is measured', count('--connections'), 16)
    .option('--seconds <s>', 'time of measuring throughput, a round and target', count('--seconds'), 1)
    .action(runProxyBench);
}

async function runProxyBench({ json, rounds, requests, connections, seconds }: ProxyFlags): Promise<void> {
  const { signal, stop } = watchInterruption('The measurement');
  const progress = startProgress('measuring', rounds, 'rounds');
  try {
    const onRound = () => progress.advance(1);
    await write(
      await benchProxy({ rounds, requests, connections, secondsEach: seconds, signal, onRound }),
      json,
    );
  } finally {
    progress.stop();
    stop();
  }
}

async function write(report: BenchReport, json: string | undefined): Promise<void> {
  if (json === '-') return printJson(report);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  const lines = Object.entries(report.ratios).map(([name, value]) => `${name.padEnd(20)} ${value}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
