/** When is an engine ready? When its cluster has a master and is yellow or green. */
import { MiceError } from '../../errors.ts';
import type { EngineProcess } from './engine-process.ts';

const pollMs = 200;

/** Resolves once the engine is ready. Throws `engine-failed`, `port-taken`, `disk-full` with its last words. */
export async function untilReady(url: string, server: EngineProcess, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  while (!(await isReady(url))) {
    if (ended) throw await failure('The engine ended before it was ready', server);
    if (performance.now() > deadline) {
      throw await failure(`The engine was not ready within ${Math.round(timeoutMs / 1000)} s`, server);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/_cluster/health`, { signal: AbortSignal.timeout(5000) });
    const health = (await answer.json()) as { readonly status?: unknown };
    return answer.ok && (health.status === 'green' || health.status === 'yellow');
  } catch {
    return false;
  }
}

async function failure(what: string, server: EngineProcess): Promise<MiceError> {
  const words = await server.lastWords();
  if (/Address already in use|BindHttpException|BindTransportException/.test(words)) {
    return new MiceError('port-taken', `${what}: its port was taken.\n${words}`, {
      hint: 'Choose another port, or 0 for any free one.',
    });
  }
  const code = /No space left on device/.test(words) ? 'disk-full' : 'engine-failed';
  return new MiceError(code, `${what}. It last said:\n${words}`, {
    hint: 'A node needs its heap and as much again in memory; heapMb sets the heap.',
  });
}
