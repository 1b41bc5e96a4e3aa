/** The command `mice`. One file per command; this one only gathers them. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { faults, MiceError, messageOf } from '../errors.ts';
import { backfillCommand } from './backfill.ts';
import { benchCommand } from './bench.ts';
import { configCommand } from './config.ts';
import { demoCommand } from './demo.ts';
import { engineCommand } from './engine.ts';
import { openEvalEnvironment } from './environment.ts';
import { evalCommand } from './eval.ts';
import { modelCommand } from './model.ts';
import { searchCommand } from './search.ts';
import { proxyCommand, serveCommand, sidecarCommand } from './serve.ts';
import { setupCommand } from './setup.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('mice')
  .description('Cross-encoder relevance for Elasticsearch and OpenSearch, on CPUs, without changing clients.')
  .version(version)
  .addCommand(serveCommand())
  .addCommand(proxyCommand())
  .addCommand(sidecarCommand())
  .addCommand(setupCommand())
  .addCommand(backfillCommand())
  .addCommand(searchCommand())
  .addCommand(demoCommand())
  .addCommand(engineCommand())
  .addCommand(evalCommand(openEvalEnvironment))
  .addCommand(benchCommand())
  .addCommand(modelCommand())
  .addCommand(configCommand())
  .addHelpText('after', `\nExit codes: ${exitCodes()}`);

for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)]) {
  command.exitOverride().configureOutput({ writeErr: () => {} });
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong and gives the exit status. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message =
      error.message === '(outputHelp)' ? program.helpInformation() : `${error.message}\nSee mice --help.`;
    process.stderr.write(`${message}\n`);
    return faults['bad-option'].exit;
  }
  const code = error instanceof MiceError ? ` (${error.code})` : '';
  process.stderr.write(`mice: ${messageOf(error)}${code}\n`);
  if (error instanceof MiceError && error.hint) process.stderr.write(`${error.hint}\n`);
  return error instanceof MiceError ? error.exitStatus : 1;
}

function exitCodes(): string {
  const codes = Map.groupBy(Object.entries(faults), ([, { exit }]) => exit);
  const named = [...codes]
    .sort(([a], [b]) => a - b)
    .map(([exit, list]) => `${exit} ${list.map(([code]) => code).join(', ')}`);
  return ['0 done', ...named].join(' · ');
}
