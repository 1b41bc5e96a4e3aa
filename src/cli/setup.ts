/** `mice setup INDEX`: where the states of an index are to lie, created or completed. */
import { Command, Option } from 'commander';
import { settingsForBundle } from '../config/bundles.ts';
import { type StoreName, statesRuleFor, storeNames } from '../config/index-rules.ts';
import type { Settings } from '../config/options.ts';
import { connectEngine } from '../engine/connect.ts';
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { dropFields } from '../ingest/drop.ts';
import { setupIndex } from '../ingest/setup.ts';
import { defaultBundleDirectory, openBundle } from '../model/bundle.ts';
import { type Progress, startProgress } from '../observe/progress.ts';
import { serviceAddress } from '../proxy/services.ts';
import { differenceLines } from './difference.ts';
import { watchInterruption } from './interruption.ts';
import { printJson } from './output.ts';
import { settingsOf, withSettings } from './settings.ts';

export function setupCommand(): Command {
  const command = new Command('setup')
    .description(
      'Creates an index with the fields that vectors and states need, or adds them to one that exists.',
    )
    .argument(
      '<index>',
      'name of an index, alias or data stream; or a pattern with *, for an index template',
    );
  return withSettings(command, [
    'upstreamUrl',
    'upstreamAuthorization',
    'modelBundle',
    'fieldsObject',
    'statesRules',
  ])
    .addOption(
      new Option(
        '--store <name>',
        'where states are to lie; unless given, in the companion where there is one, else in fields',
      ).choices(storeNames),
    )
    .option('--bundle <name>', 'a bundle of model.others in place of model.bundle')
    .option('--drop', "take the bundle's fields out of the documents of an index, in place of setting it up")
    .option('--dry-run', 'show what would change and change nothing')
    .option('--json', 'print the report as JSON')
    .action((index: string, flags: SetupFlags) => run(index, flags));
}

interface SetupFlags {
  readonly store?: StoreName;
  readonly bundle?: string;
  readonly drop?: true;
  readonly json?: true;
  readonly dryRun?: true;
}

async function run(index: string, flags: SetupFlags): Promise<void> {
  const configured = settingsOf({ ...flags });
  const rule = statesRuleFor(configured.statesRules, index);
  if (flags.drop && rule?.bundle === flags.bundle) throw servedBy(index, flags.bundle);
  const settings = settingsForBundle(configured, flags.bundle);
  const engine = await connectEngine(serviceAddress(settings));
  try {
    if (flags.drop) await drop(engine, index, settings, flags);
    else await setup(engine, index, settings, { ...flags, store: flags.store ?? rule?.store });
  } finally {
    await engine.close();
  }
}

interface Choice extends Omit<SetupFlags, 'store'> {
  readonly store: StoreName | undefined;
}

async function setup(engine: Engine, index: string, settings: Settings, choice: Choice): Promise<void> {
  const { store, json, dryRun = false } = choice;
  const bundle = await openBundle(settings.modelBundle || defaultBundleDirectory());
  const fields = { object: settings.fieldsObject, vectorDims: bundle.dims.vector };
  const report = await setupIndex(engine, index, { ...fields, store, dryRun });
  if (json) return printJson(report);
  for (const sentence of report.about) process.stdout.write(`${sentence}\n`);
  const verb = dryRun ? 'would' : 'did';
  for (const { what, name, body, before } of report.changes) {
    process.stdout.write(`${verb} ${what} ${name}\n`);
    if (!dryRun) continue;
    for (const line of differenceLines(before, body)) process.stdout.write(`    ${line}\n`);
  }
  if (report.changes.length === 0) process.stdout.write(`${index} is as it should be\n`);
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
}

async function drop(engine: Engine, index: string, settings: Settings, flags: SetupFlags): Promise<void> {
  const { dryRun = false, json } = flags;
  const { fieldsObject: object } = settings;
  const { signal, stop } = watchInterruption('Dropping');
  let bar: Progress | undefined;
  const onProgress = (dropped: number, documents: number) => {
    bar ??= startProgress(index, documents, 'documents');
    bar.reach(dropped);
  };
  const reports = await dropFields(index, { engine, object, dryRun, signal, onProgress }).finally(() => {
    bar?.stop();
    stop();
  });
  if (json) printJson(reports);
  const verb = dryRun ? 'would drop' : 'dropped';
  for (const { index: name, dropped, left, companion } of json ? [] : reports) {
    const more = companion === undefined ? '' : `, and its companion ${companion}`;
    process.stdout.write(
      `${name}: ${verb} ${object} of ${dropped} documents${more}; ${left} left. Its mapping keeps the fields, without values: an engine cannot remove them.\n`,
    );
  }
  if (reports.some(({ left }) => left > 0)) process.exitCode = 1;
}

function servedBy(index: string, bundle: string | undefined): MiceError {
  const named = bundle === undefined ? 'model.bundle' : `the bundle ${bundle}`;
  return new MiceError(
    'bad-option',
    `Searches of ${index} are answered with ${named}, whose fields are to go.`,
    {
      hint: 'Name another bundle for it in states.rules first.',
    },
  );
}
