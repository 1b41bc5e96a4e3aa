/** The ordinary clients of package repositories, run as the user would run them. */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** The first executable file of that name on the search path, or undefined. */
export async function onPath(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  for (const directory of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const candidate = join(directory, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export interface Outcome {
  readonly status: number;
  /** Standard output and error, in the order they came, at most the last 16 kB. */
  readonly output: string;
}

const keptCharacters = 16_384;

/** Runs a program to its end. A program that cannot be started has status 127 and the reason as output. */
export function runTool(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-keptCharacters);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (fault) => resolve({ status: 127, output: fault.message }));
    child.once('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

/** The line of a tool's output that says what went wrong, without colours. */
export function complaintOf(output: string): string {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trim());
  const complaint = lines.find((line) => /error|fail/i.test(line) && line.length > '[ERROR]'.length);
  return (complaint ?? lines.findLast(Boolean) ?? 'it said nothing').slice(0, 400);
}
