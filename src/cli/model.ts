/** `mice model list|inspect|verify`: the bundles on this machine. */
import { Command } from 'commander';
import { stringify } from 'yaml';
import { MiceError } from '../errors.ts';
import { defaultBundleDirectory } from '../model/bundle.ts';
import { inspectBundle, listBundles } from './bundles.ts';
import { printJson } from './output.ts';
import { type BundleVerification, verifyBundle } from './verify-bundle.ts';

interface Output {
  readonly json?: true;
}

export function modelCommand(): Command {
  return new Command('model')
    .description('Lists, shows and verifies model bundles.')
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(verifyCommand());
}

function listCommand(): Command {
  return new Command('list')
    .description('Lists the bundles in a directory, by default those that came with the package.')
    .argument('[directory]', 'directory whose sub-directories are bundles')
    .option('--json', 'print the list as JSON')
    .action(async (directory: string | undefined, { json }: Output) => {
      const bundles = await listBundles(directory);
      if (json) return printJson(bundles);
      for (const bundle of bundles) {
        const line = 'code' in bundle ? [bundle.code, bundle.message] : [bundle.model, bundle.directory];
        process.stdout.write(`${line.join('\t')}\n`);
      }
    });
}

function inspectCommand(): Command {
  return withBundle(new Command('inspect'))
    .description(
      'Shows what a bundle says of itself: source, shape, licences, training data, measured quality.',
    )
    .action(async (directory: string, { json }: Output) => {
      const inspection = await inspectBundle(directory);
      if (json) printJson(inspection);
      else process.stdout.write(stringify(inspection));
    });
}

function verifyCommand(): Command {
  return withBundle(new Command('verify'))
    .description('Holds every file against its hash and runs each graph once on this machine.')
    .action(async (directory: string, { json }: Output) => {
      const verification = await verifyBundle(directory);
      if (json) printJson(verification);
      else process.stdout.write(linesOf(verification));
      if (!verification.ok) throw unfit(directory, verification);
    });
}

function unfit(directory: string, { files }: BundleVerification): MiceError {
  if (files.every(({ ok }) => ok))
    return new MiceError('model-failed', `The graphs of ${directory} fail on this machine.`);
  const hint = 'Export or fetch the bundle again.';
  return new MiceError('bundle-hash', `${directory} is not the bundle that its bundle.json describes.`, {
    hint,
  });
}

function withBundle(command: Command): Command {
  return command
    .argument('[directory]', 'directory of the bundle', defaultBundleDirectory())
    .option('--json', 'print the result as JSON');
}

function linesOf({ model, files, run }: BundleVerification): string {
  const lines = [...files, ...run].map(
    ({ name, ok, detail }) => `${ok ? 'ok' : 'FAILED'}\t${name}\t${detail}\n`,
  );
  return `${model}\n${lines.join('')}`;
}
