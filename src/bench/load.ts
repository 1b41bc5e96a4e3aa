/** Requests at a server and the time they take. */
import { Pool } from 'undici';
import { MiceError } from '../errors.ts';

interface Kind {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
}

/** What is asked in turn: short and long answers, and a body. */
const kinds: readonly Kind[] = [
  { method: 'GET', path: '/short', body: null },
  { method: 'GET', path: '/long', body: null },
  { method: 'POST', path: '/short', body: JSON.stringify({ text: 'x'.repeat(4000) }) },
];

/** Milliseconds of each of `count` requests, one after the other. */
export async function latenciesMs(url: string, count: number): Promise<readonly number[]> {
  const pool = new Pool(url, { connections: 1 });
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const startedMs = performance.now();
    await ask(pool, at);
    times.push(performance.now() - startedMs);
  }
  await pool.close();
  return times;
}

export interface Throughput {
  readonly perSecond: number;
  readonly done: number;
}

/** Requests over `connections` that always have one under way. */
export async function throughput(url: string, connections: number, forMs: number): Promise<Throughput> {
  const pool = new Pool(url, { connections });
  const startedMs = performance.now();
  let done = 0;
  const keepAsking = async (first: number) => {
    for (let at = first; performance.now() - startedMs < forMs; at++) {
      await ask(pool, at);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, at) => keepAsking(at)));
  const perSecond = done / ((performance.now() - startedMs) / 1000);
  await pool.close();
  return { perSecond, done };
}

async function ask(pool: Pool, at: number): Promise<void> {
  const { method, path, body } = kinds[at % kinds.length]!;
  const headers = body === null ? {} : { 'content-type': 'application/json' };
  const answer = await pool.request({ method, path, body, headers });
  await answer.body.dump({ limit: 1e6 });
  if (answer.statusCode !== 200)
    throw new MiceError('proxy-refused', `${method} ${path} was answered with ${answer.statusCode}.`);
}
