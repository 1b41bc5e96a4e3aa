/** `mice config print`: the settings in force, secrets hidden. */
import { Command } from 'commander';
import { stringify } from 'yaml';
import { printableSettings } from '../config/settings.ts';
import { printJson } from './output.ts';
import { settingsOf, withSettings } from './settings.ts';

export function configCommand(): Command {
  const print = withSettings(new Command('print').description('Shows every option with its value.'))
    .option('--json', 'as JSON')
    .action((parsed: { readonly json?: true }) => {
      const settings = printableSettings(settingsOf(parsed));
      if (parsed.json) printJson(settings);
      else process.stdout.write(stringify(settings));
    });
  return new Command('config').description('Reads the configuration.').addCommand(print);
}
