/**
 * No engine outlives its owner. A shell of a few kilobytes waits on a pipe whose other end we hold: the word
 * from us ends it quietly; the pipe closing without a word (we crashed, or were killed) makes it stop the
 * engine and remove what the run left behind.
 */
import { spawn } from 'node:child_process';
import type { Account } from './account.ts';

const script = `
if read -r word; then exit 0; fi
kill -TERM "$1" 2>/dev/null
waited=0
while kill -0 "$1" 2>/dev/null && [ "$waited" -lt 10 ]; do sleep 1; waited=$((waited + 1)); done
kill -KILL "$1" 2>/dev/null
rm -rf -- "$2"
`;

export interface Guard {
  /** Settles when the guard has ended. Never rejects. */
  readonly ended: Promise<void>;
  /** The engine has ended, or is being stopped by us. */
  dismiss(): void;
}

/** Guards process `pid`, whose temporary files are in `directory`. It runs as the engine does, with no more rights. */
export function postGuard(pid: number, directory: string, account: Account | undefined): Guard {
  const shell = spawn('/bin/sh', ['-c', script, 'mice-engine-guard', String(pid), directory], {
    ...account,
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    // A session of its own: an interrupt typed at the terminal is for us, who then stop the engine in order.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
    // Without a shell the engine still runs; it is then stopped by us alone.
    shell.once('error', () => resolve());
  });
  shell.stdin.once('error', () => undefined);
  shell.unref();
  return { ended, dismiss: () => void shell.stdin.end('stand down\n') };
}
