/** Processes of their own, which share no event loop and no garbage with what measures them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MiceError } from '../errors.ts';
import { jsonOrUndefined } from '../json/parse.ts';

export interface Child {
  readonly pid: number;
  /** Processor time that it has used so far; undefined where the system does not tell. */
  cpuMs(): number | undefined;
  /** Memory that it holds now; undefined where the system does not tell. */
  residentBytes(): number | undefined;
  /** What a module answers that listens to its parent; `what` where it has several answers. */
  ask(what?: string): Promise<unknown>;
  stop(): Promise<void>;
}

export interface ChildServer extends Child {
  readonly url: string;
}

/** What a module prints when it can be used: its URL, where it listens. */
interface Ready {
  readonly url?: string;
}

/**
 * Runs a module of this package that prints a JSON object with its `url` when it listens.
 * @param module path without suffix, relative to `src/bench`
 */
export async function startServer(module: string, args: readonly string[]): Promise<ChildServer> {
  const { ready, ...child } = await startChild(module, args);
  return { ...child, url: ready.url! };
}

/** The same of a module that prints a JSON object when it can be asked. */
export async function startChild(
  module: string,
  args: readonly string[],
): Promise<Child & { readonly ready: Ready }> {
  const suffix = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const entry = fileURLToPath(new URL(`${module}${suffix}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const exited = once(child, 'exit');
  const { promise, resolve, reject } = Promise.withResolvers<Ready>();
  let printed = '';
  let complaint = '';
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
    complaint = `${complaint}${chunk}`.slice(-2000);
  });
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
    const ready = jsonOrUndefined(printed) as Ready | undefined;
    if (ready !== undefined) resolve(ready);
  });
  exited.then(
    ([code]) =>
      reject(new MiceError('engine-failed', `${module} ended by itself (status ${code}): ${complaint}`)),
    reject,
  );
  return {
    ready: await promise,
    pid: child.pid!,
    cpuMs: () => cpuMsOf(child.pid),
    residentBytes: () => residentBytesOf(child.pid),
    async ask(what = 'tell') {
      const answered = once(child, 'message');
      child.send(what);
      const [answer] = await Promise.race([answered, exited]);
      return answer;
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Processes that are stopped together, the last one first. */
export interface Processes {
  /** As {@link startServer}. */
  server(module: string, args?: readonly string[]): Promise<ChildServer>;
  /** As {@link startChild}. */
  child(module: string, args?: readonly string[]): Promise<Child>;
  /** Those that run; others may be started afterwards. */
  stop(): Promise<void>;
}

export function openProcesses(): Processes {
  const running: Child[] = [];
  const kept = <Started extends Child>(started: Started): Started => {
    running.push(started);
    return started;
  };
  return {
    server: async (module, args = []) => kept(await startServer(module, args)),
    child: async (module, args = []) => kept(await startChild(module, args)),
    async stop() {
      for (const child of running.splice(0).reverse()) await child.stop();
    },
  };
}

/** Clock ticks a second in /proc (`sysconf(_SC_CLK_TCK)`), the same on every Linux that Node.js runs on. */
const TICKS = 100;

/** User and system time from /proc/PID/stat, fields 14 and 15 (proc(5)). */
export function cpuMsOf(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
  } catch {
    return undefined;
  }
}

/** `VmRSS` of /proc/PID/status (proc(5)). */
function residentBytesOf(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
