/** The command itself in a process of its own, to be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface MiceProcess {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  printed(): string;
  /** Exit status; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** SIGKILL: nothing is tidied up. Resolves when it is gone. */
  kill(): Promise<void>;
}

export function runMice(args: readonly string[]): MiceProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const keep = (chunk: string) => {
    printed += chunk;
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const ended = once(child, 'exit').then(([status]) => status as number | null);
  return {
    child,
    printed: () => printed,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** A server that says where it listens; `flags` beside `--json`. */
export async function serveMice(
  command: 'serve' | 'sidecar',
  flags: readonly string[],
): Promise<MiceProcess & { readonly url: string }> {
  const running = runMice([command, '--json', '--listen-port', '0', ...flags]);
  const url = await new Promise<string>((resolve, reject) => {
    running.child.stdout!.on('data', () => {
      const found = /"url":\s*"([^"]+)"/.exec(running.printed())?.[1];
      if (found !== undefined) resolve(found);
    });
    running.ended.then((status) => reject(new Error(`ended with ${status}: ${running.printed()}`)), reject);
  });
  return { ...running, url };
}
