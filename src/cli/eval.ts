/** `mice eval`: retrieval quality and search times of several modes on a collection with judgements. */
import { constants } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { MiceError } from '../errors.ts';
import { evaluationJson } from '../evaluate/evaluation.ts';
import { modeNames, parseModes } from '../evaluate/modes.ts';
import { openDataset } from '../evaluate/open-dataset.ts';
import { reportTable } from '../evaluate/report.ts';
import { reportHtml } from '../evaluate/report-html.ts';
import { evaluate } from '../evaluate/runs.ts';
import type { Environment } from './environment.ts';
import { watchInterruption } from './interruption.ts';

/** Connects to the engine at `engineUrl`, or starts the embedded one, and puts a proxy in front of it. */
export type OpenEvalEnvironment = (engineUrl: string | undefined) => Promise<Environment>;

interface EvalOptions {
  readonly data: string;
  readonly modes?: string;
  readonly json?: string;
  readonly html?: string;
  readonly engine?: string;
  readonly limit?: number;
  readonly window: number;
  readonly concurrency: number;
  readonly keep: boolean;
}

const whole = (flag: string, most: number) => (text: string) => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  throw new MiceError('bad-option', `${flag} does not accept ${JSON.stringify(text)}.`, {
    hint: `Accepted: a whole number, 1 to ${most}.`,
  });
};

/** Found out before an hour of measuring, not after it. */
async function expectWritable(flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(resolve(path));
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new MiceError('bad-option', `${flag} ${path}: ${folder} is no directory to write to.`, {
      hint: 'Accepted: a file name in an existing directory.',
      cause,
    });
  });
}

async function write(path: string, value: unknown): Promise<void> {
  const json = `${JSON.stringify(value, null, 2)}\n`;
  if (path === '-') process.stdout.write(json);
  else await writeFile(path, json);
}

async function run(options: EvalOptions, open: OpenEvalEnvironment): Promise<void> {
  const { json, html, limit, window, concurrency, keep } = options;
  const modes = options.modes === undefined ? undefined : parseModes(options.modes);
  const dataset = await openDataset(options.data);
  await expectWritable('--json', json === '-' ? undefined : json);
  await expectWritable('--html', html);
  const { signal, stop } = watchInterruption('The evaluation');
  const environment = await open(options.engine);
  try {
    const evaluation = await evaluate({
      ...environment,
      ...{ dataset, modes, window, limit, concurrency, keep, signal },
    });
    if (json !== undefined) await write(json, evaluationJson(evaluation));
    if (html !== undefined) await writeFile(html, reportHtml(evaluation));
    if (json !== '-') process.stdout.write(reportTable(evaluation));
    if (evaluation.stopped !== undefined) throw evaluation.stopped.fault;
  } finally {
    stop();
    await environment.close();
  }
}

const notes = `
Data: a directory in BEIR layout (corpus.jsonl, queries.jsonl, qrels/test.tsv, each plain or .gz), or a .json or
.json.gz file with queries, passages, bm25_top100 and qrels, whose stored run is then the first stage.

Modes:
  bm25           the cluster's word search
  vector         nearest neighbours of the query's vector
  vector-fast    the same with the distilled query encoder (bundles with the graph query-fast)
  hybrid         the first 100 of bm25 and of vector, fused by reciprocal rank
  mice           bm25, its first --window hits re-ranked by the proxy
  hybrid+mice    hybrid, re-ranked by the proxy
  cross-encoder  bm25, its first --window hits re-ranked by the cross-encoder (bundles with that graph)

Ctrl-C ends the measuring and removes what was made; modes measured by then are still written.

Exit codes: 0 done · 1 the model failed · 2 an option or the data is not accepted · 4 the cluster or the proxy
refused or cannot be reached · 5 the embedded engine did not start · 130 interrupted.`;

/** The command, for the environment that `open` gives. */
export function evalCommand(open: OpenEvalEnvironment): Command {
  return new Command('eval')
    .description('Measures retrieval quality and search times on a collection with judgements.')
    .requiredOption('--data <path>', 'directory in BEIR layout, or file with a stored run')
    .option('--modes <list>', `comma-separated: ${modeNames.join(', ')}; all the bundle serves unless given`)
    .option('--json <file>', 'write the result as JSON; - writes it to standard output instead of the table')
    .option('--html <file>', 'write the result as a page with plots')
    .option('--engine <url>', 'cluster to search; the embedded engine is started unless given')
    .option('--limit <n>', 'ask a fixed sample of n queries', whole('--limit', 1e9))
    .option('--window <k>', 'hits that are re-ranked', whole('--window', 10_000), 100)
    .option('--concurrency <n>', 'queries in flight', whole('--concurrency', 256), 1)
    .option('--keep', 'leave the indices, and search complete ones of an earlier run again', false)
    .addHelpText('after', notes)
    .action((options: EvalOptions) => run(options, open));
}
