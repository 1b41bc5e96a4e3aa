/** `mice backfill INDEX`: states for documents that are already there, in slices that several processes share. */
import { Command } from 'commander';
import { settingsForBundle } from '../config/bundles.ts';
import { connectEngine } from '../engine/connect.ts';
import { MiceError } from '../errors.ts';
import { type BackfillSummary, backfill } from '../ingest/backfill/backfill.ts';
import { type VerifyReport, verifyStates } from '../ingest/backfill/verify.ts';
import { openPlacing } from '../ingest/stores/placing.ts';
import { plainSelection, selections } from '../ingest/text.ts';
import { jsonOrUndefined } from '../json/parse.ts';
import { defaultBundleDirectory, openBundle } from '../model/bundle.ts';
import { openModel, splittingOf } from '../model/runtime.ts';
import { type Progress, startProgress } from '../observe/progress.ts';
import { passageOptions, serviceAddress } from '../proxy/services.ts';
import { watchInterruption } from './interruption.ts';
import { printJson } from './output.ts';
import { settingsOf, withSettings } from './settings.ts';

interface BackfillFlags {
  readonly query?: unknown;
  readonly bundle?: string;
  readonly rate: number;
  readonly parallel: number;
  readonly lease: number;
  readonly verify?: true;
  readonly json?: true;
}

const notes = `
Documents whose states are fresh are left alone, so that it can be interrupted, killed and started again at any
time. Progress is kept in the index mice-jobs: the same command on another machine takes part in the same work.

With --verify nothing is written: documents are counted by whether their states are fresh, stale (of another text or
another model) or missing.

Exit codes: 0 done, or all fresh · 1 some documents failed, or are not fresh · 2 an option is not accepted ·
3 the bundle is not accepted · 4 the cluster refused or cannot be reached · 130 interrupted.`;

export function backfillCommand(): Command {
  const command = new Command('backfill')
    .description('Gives the documents of an index that are already there vectors and states.')
    .argument('<index>', 'name of the index, alias or data stream');
  return withSettings(command, [
    ...(['upstreamUrl', 'upstreamAuthorization', 'modelBundle', 'modelOthers', 'modelThreads'] as const),
    ...(['fieldsObject', 'textFields', 'textRules', 'statesRules', 'statesTokens'] as const),
    ...(['passagesTokens', 'passagesOverlap', 'passagesMax', 'passagesVectors'] as const),
  ])
    .option('--query <json>', 'only the documents that this query finds', query)
    .option('--bundle <name>', 'a bundle of model.others in place of model.bundle')
    .option('--rate <n>', 'documents a second at most; 0 for no limit', count('--rate', 0, 1e6), 0)
    .option('--parallel <n>', 'slices that are worked on at a time', count('--parallel', 1, 64), 2)
    .option(
      '--lease <s>',
      'seconds without a sign of life after which a slice of another process is taken over',
      count('--lease', 1, 86_400),
      30,
    )
    .option('--verify', 'count documents by the standing of their states, and write nothing')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', notes)
    .action((index: string, flags: BackfillFlags) => run(index, flags));
}

async function run(index: string, flags: BackfillFlags): Promise<void> {
  const settings = settingsForBundle(settingsOf({ ...flags }), flags.bundle);
  const { signal, stop } = watchInterruption('The backfill');
  const engine = await connectEngine(serviceAddress(settings));
  const placing = openPlacing({
    ...{ engine, object: settings.fieldsObject, rules: settings.statesRules },
    onFault(error) {
      throw error;
    },
  });
  let bar: Progress | undefined;
  const endBar = () => {
    bar?.stop();
    bar = undefined;
  };
  const needs = {
    engine,
    placing,
    object: settings.fieldsObject,
    selectionOf: selections(settings.textRules, plainSelection(settings.textFields)),
    signal,
    passageVectors: settings.passagesVectors === 'passage',
    ...(flags.query !== undefined && { query: flags.query }),
    onProgress(scanned: number, documents: number) {
      bar ??= startProgress(index, documents, 'documents');
      bar.reach(scanned);
    },
  };
  try {
    await placing.refresh();
    const directory = settings.modelBundle || defaultBundleDirectory();
    if (flags.verify) {
      const bundle = await openBundle(directory);
      const splitting = splittingOf(bundle, passageOptions(settings));
      const reports = await verifyStates(index, { ...needs, model: bundle.model, splitting });
      endBar();
      report(flags, reports, verified);
      if (reports.some(({ stale, missing }) => stale + missing > 0)) process.exitCode = 1;
      return;
    }
    const model = await openModel(directory, {
      ...(settings.modelThreads > 0 && { threads: settings.modelThreads }),
      passages: passageOptions(settings),
    });
    try {
      const summaries = await backfill(index, {
        ...{ ...needs, model, rate: flags.rate, parallel: flags.parallel },
        leaseMs: flags.lease * 1000,
      });
      endBar();
      report(flags, summaries, summarised);
      if (summaries.some(({ failed }) => failed > 0)) process.exitCode = 1;
    } finally {
      await model.close();
    }
  } finally {
    endBar();
    stop();
    placing.close();
    await engine.close();
  }
}

function report<T>(
  flags: BackfillFlags,
  results: readonly T[],
  lines: (result: T) => readonly string[],
): void {
  if (flags.json) printJson(results);
  else for (const line of results.flatMap(lines)) process.stdout.write(`${line}\n`);
}

function summarised(summary: BackfillSummary): readonly string[] {
  const { index, scanned, fresh, written, left, withoutText, failed, removed } = summary;
  return [
    `${index}: ${scanned} documents, ${written} written, ${fresh} fresh before, ${withoutText} without text, ${left} changed or deleted by others, ${failed} failed`,
    ...(removed > 0 ? [`${removed} states of documents that are gone were removed`] : []),
    `${summary.seconds.toFixed(1)} s, ${summary.documentsPerSecond.toFixed(1)} documents/s by this process`,
    ...summary.reasons.map((reason) => `failed: ${reason}`),
  ];
}

function verified({ index, documents, fresh, stale, missing, withoutText }: VerifyReport): readonly string[] {
  return [
    `${index}: ${documents} documents, ${fresh} fresh, ${stale} stale, ${missing} missing, ${withoutText} without text`,
  ];
}

function query(text: string): unknown {
  const parsed = jsonOrUndefined(text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new MiceError('bad-option', '--query is no JSON object.', {
    hint: 'Accepted: a query of the engine, e.g. {"term":{"lang":"en"}}.',
  });
}

const count = (flag: string, least: number, most: number) => (text: string) => {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new MiceError('bad-option', `${flag} does not accept ${JSON.stringify(text)}.`, {
    hint: `Accepted: a whole number, ${least} to ${most}.`,
  });
};
