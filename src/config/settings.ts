/** Settings from defaults, a YAML file, the environment and the command line; each overrides the one before. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { MiceError, messageOf } from '../errors.ts';
import { environmentNameOf, type OptionKey, options, type Settings } from './options.ts';

export interface SettingsSources {
  /** Path of a YAML file. */
  readonly file?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Values by option key, as the command line or a program gives them. */
  readonly given?: Readonly<Partial<Record<OptionKey, unknown>>>;
}

const keys = Object.keys(options) as readonly OptionKey[];

/** @throws MiceError `bad-option` naming the option, where it was set, and what is accepted */
export function loadSettings(sources: SettingsSources = {}): Settings {
  const fromFile = sources.file === undefined ? new Map<string, unknown>() : readFile(sources.file);
  const environment = sources.environment ?? {};
  return Object.fromEntries(
    keys.map((key) => {
      const { name } = options[key];
      const variable = environmentNameOf(name);
      if (sources.given?.[key] !== undefined)
        return [key, accept(key, sources.given[key], 'the command line')];
      if (environment[variable] !== undefined) return [key, accept(key, environment[variable], variable)];
      if (fromFile.has(name)) return [key, accept(key, fromFile.get(name), sources.file ?? '')];
      return [key, options[key].default];
    }),
  ) as unknown as Settings;
}

/** Dotted names and values, secrets hidden: what `mice config print` shows. */
export function printableSettings(settings: Settings): Record<string, unknown> {
  return Object.fromEntries(
    keys.map((key) => {
      const option = options[key];
      const hidden = 'secret' in option && settings[key] !== '';
      return [option.name, hidden ? '(hidden)' : settings[key]];
    }),
  );
}

function accept(key: OptionKey, value: unknown, origin: string): unknown {
  const { name, schema, accepts } = options[key];
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const shown = 'secret' in options[key] ? 'a value' : JSON.stringify(value);
  throw new MiceError('bad-option', `${name} does not accept ${shown} (set in ${origin}).`, {
    hint: `Accepted: ${accepts}.`,
  });
}

function readFile(path: string): Map<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8')) ?? {};
  } catch (cause) {
    throw new MiceError('bad-option', `The configuration file ${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
  const found = new Map(flatten(content, ''));
  const known = new Set<string>(keys.map((key) => options[key].name));
  for (const name of found.keys()) {
    if (known.has(name)) continue;
    throw new MiceError('bad-option', `${path} sets ${name || 'a value at the top'}, which is no option.`, {
      hint: `Options: ${[...known].join(', ')}.`,
    });
  }
  return found;
}

function flatten(value: unknown, prefix: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[prefix, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flatten(inner, prefix === '' ? key : `${prefix}.${key}`),
  );
}
