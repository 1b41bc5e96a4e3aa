/** `mice bench`: ratios, measured side by side in one run. */
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { benchProxy } from '../bench/proxy.ts';
import { ingestBench } from './bench-ingest.ts';
import { encodeBench, rerankBench } from './bench-model.ts';
import { count, watched, writeReport } from './bench-report.ts';
import { sizeBench } from './bench-size.ts';
import { stepsBench } from './bench-steps.ts';
import { storesBench } from './bench-stores.ts';

export function benchCommand(): Command {
  return new Command('bench')
    .description('Measures against references, side by side in one run.')
    .addCommand(rerankBench())
    .addCommand(encodeBench())
    .addCommand(proxyBench())
    .addCommand(ingestBench())
    .addCommand(storesBench())
    .addCommand(stepsBench())
    .addCommand(sizeBench());
}

interface ProxyFlags {
  readonly json?: string;
  readonly rounds: number;
  readonly requests: number;
  readonly connections: number;
  readonly seconds: number;
  readonly searches: number | false;
}

function proxyBench(): Command {
  return new Command('proxy')
    .description(
      'Measures what passing a request through adds, and against the plainest proxy on the same library.',
    )
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the table')
    .option('--rounds <n>', 'rounds, each of which measures every target', count('--rounds'), 9)
    .option('--requests <n>', 'requests one after the other, a round and target', count('--requests'), 300)
    .option('--connections <n>', 'connections while throughput is measured', count('--connections'), 16)
    .option('--seconds <s>', 'time of measuring throughput, a round and target', count('--seconds'), 1)
    .option(
      '--searches <n>',
      'questions a round, asked of a real engine directly and re-ranked',
      count('--searches'),
      20,
    )
    .option('--no-searches', 'leave the real engine out')
    .action(runProxyBench);
}

async function runProxyBench({ json, seconds, searches, ...counts }: ProxyFlags): Promise<void> {
  const report = await watched(searches ? 2 * counts.rounds : counts.rounds, (watch) =>
    benchProxy({
      ...{ ...counts, ...watch, secondsEach: seconds, searches: searches || 0 },
      root: fileURLToPath(new URL('../..', import.meta.url)),
    }),
  );
  await writeReport(report, json);
}
