/** A server in a process of its own, so that it shares no event loop with what measures it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MiceError } from '../errors.ts';
import { jsonOrUndefined } from '../json/parse.ts';

export interface ChildServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Runs a module of this package that prints a JSON object with its `url` when it listens.
 * @param module path without suffix, relative to `src/bench`
 */
export async function startChild(module: string, args: readonly string[]): Promise<ChildServer> {
  const suffix = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const entry = fileURLToPath(new URL(`${module}${suffix}`, import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
    const ready = jsonOrUndefined(printed) as { url?: string } | undefined;
    if (ready?.url !== undefined) resolve(ready.url);
  });
  exited.then(
    ([code]) => reject(new MiceError('engine-failed', `${module} ended by itself (status ${code}).`)),
    reject,
  );
  return {
    url: await promise,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
