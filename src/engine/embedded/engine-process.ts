/** One running server process: started, watched, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MiceError } from '../../errors.ts';
import { engineAccount } from './account.ts';
import { type Guard, postGuard } from './guard.ts';
import type { Launch } from './launch.ts';
import type { RunDirectory } from './run-directory.ts';

export interface EngineExit {
  /** Exit status, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether `stop` was called before. */
  readonly asked: boolean;
}

/** Long enough for a node to close its shards. */
const graceMs = 20_000;

export class EngineProcess {
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<EngineExit>;
  #asked = false;
  readonly #child: ChildProcess;
  readonly #run: RunDirectory;
  readonly #guard: Guard;

  private constructor(child: ChildProcess, pid: number, run: RunDirectory) {
    this.pid = pid;
    this.#child = child;
    this.#run = run;
    this.#guard = postGuard(pid, run.root, engineAccount());
    this.exited = new Promise((resolve) => {
      child.once('exit', (status, signal) => {
        this.#guard.dismiss();
        resolve({ status, signal, asked: this.#asked });
      });
    });
  }

  /** Starts the server. Throws `engine-failed` when the system refuses. */
  static async start(java: string, launch: Launch, run: RunDirectory): Promise<EngineProcess> {
    const output = await open(run.output, 'a');
    try {
      const child = spawn(join(java, 'bin', 'java'), [...launch.args], {
        ...engineAccount(),
        cwd: run.logs,
        // Nothing of our environment: no credentials, no options that change the virtual machine.
        env: {
          PATH: '/usr/local/bin:/usr/bin:/bin',
          HOME: run.root,
          LANG: 'C.UTF-8',
          LIBFFI_TMPDIR: run.temporary,
        },
        detached: true,
        stdio: ['pipe', output.fd, output.fd],
      });
      child.stdin?.on('error', () => undefined);
      await once(child, 'spawn').catch((fault: Error) => refuse(java, fault));
      child.stdin?.write(launch.input);
      return new EngineProcess(child, child.pid ?? 0, run);
    } finally {
      await output.close();
    }
  }

  /** Ends the process: by request, and by force when it takes longer than {@link graceMs}. Can be called twice. */
  async stop(): Promise<void> {
    this.#asked = true;
    this.#child.kill('SIGTERM');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.exited;
    clearTimeout(force);
  }

  /** The last lines that the server printed, without the frames of its stack traces. */
  async lastWords(lines = 15): Promise<string> {
    const printed = await readFile(this.#run.output, 'utf8').catch(() => '');
    const spoken = printed.split('\n').filter((line) => line.trim() !== '' && !stackFrame.test(line));
    return spoken.slice(-lines).join('\n');
  }
}

const stackFrame = /^\s+(at |\.\.\. \d+ (more|common))/;

function refuse(java: string, fault: Error): never {
  throw new MiceError('engine-failed', `${java}/bin/java could not be started: ${fault.message}`, {
    hint: 'Root must be allowed to start a process as user 65534; otherwise run as an ordinary user.',
    cause: fault,
  });
}
