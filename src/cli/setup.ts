/** `mice setup INDEX`: where the states of an index are to lie, created or completed. */
import { Command, Option } from 'commander';
import { type StoreName, statesRuleFor, storeNames } from '../config/index-rules.ts';
import { connectEngine } from '../engine/connect.ts';
import { setupIndex } from '../ingest/setup.ts';
import { defaultBundleDirectory, openBundle } from '../model/bundle.ts';
import { serviceAddress } from '../proxy/services.ts';
import { differenceLines } from './difference.ts';
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
    .option('--dry-run', 'show what would change and change nothing')
    .option('--json', 'print the report as JSON')
    .action((index: string, flags: SetupFlags) => setup(index, flags));
}

interface SetupFlags {
  readonly store?: StoreName;
  readonly json?: true;
  readonly dryRun?: true;
}

async function setup(index: string, parsed: SetupFlags): Promise<void> {
  const settings = settingsOf({ ...parsed });
  const bundle = await openBundle(settings.modelBundle || defaultBundleDirectory());
  const engine = await connectEngine(serviceAddress(settings));
  try {
    const report = await setupIndex(engine, index, {
      object: settings.fieldsObject,
      vectorDims: bundle.dims.vector,
      store: parsed.store ?? statesRuleFor(settings.statesRules, index)?.store,
      dryRun: parsed.dryRun === true,
    });
    if (parsed.json) printJson(report);
    else {
      for (const sentence of report.about) process.stdout.write(`${sentence}\n`);
      const verb = parsed.dryRun ? 'would' : 'did';
      for (const { what, name, body, before } of report.changes) {
        process.stdout.write(`${verb} ${what} ${name}\n`);
        if (!parsed.dryRun) continue;
        for (const line of differenceLines(before, body)) process.stdout.write(`    ${line}\n`);
      }
      if (report.changes.length === 0) process.stdout.write(`${index} is as it should be\n`);
      for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
    }
  } finally {
    await engine.close();
  }
}
