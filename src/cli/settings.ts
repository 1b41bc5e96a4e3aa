/** Every configuration option as a command-line flag, and the settings that result. */
import { type Command, Option } from 'commander';
import { flagOf, type OptionKey, options, type Settings } from '../config/options.ts';
import { loadSettings } from '../config/settings.ts';

/** Adds `--config` and the flags of `keys`, all options unless given. */
export function withSettings(command: Command, keys = Object.keys(options) as readonly OptionKey[]): Command {
  command.option('--config <file>', 'YAML file with options (environment: MICE_CONFIG)');
  for (const key of keys) {
    const { name, doc, accepts, default: absent } = options[key];
    const shown = String(absent) === '' ? '' : `; ${absent} unless set`;
    command.addOption(new Option(`${flagOf(name)} <value>`, `${doc} Accepted: ${accepts}${shown}`));
  }
  return command;
}

/**
 * Settings from the parsed flags, the environment and the file.
 * @throws MiceError `bad-option`
 */
export function settingsOf(
  parsed: Readonly<Record<string, unknown>>,
  force: Partial<Settings> = {},
): Settings {
  const file = (parsed['config'] as string | undefined) ?? process.env['MICE_CONFIG'];
  const flags = (Object.keys(options) as OptionKey[]).map((key) => [
    key,
    parsed[camel(flagOf(options[key].name))],
  ]);
  return loadSettings({
    ...(file !== undefined && { file }),
    environment: process.env,
    given: { ...Object.fromEntries(flags), ...force },
  });
}

/** `--listen-port` → `listenPort`, as commander names it. */
function camel(flag: string): string {
  return flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
