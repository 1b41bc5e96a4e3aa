import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Joining } from '../../../src/model/call.ts';
import type { ComputeOptions } from '../../../src/model/model.ts';
import { Pool } from '../../../src/model/pool.ts';
import type { QueriesTask, Task, ThreadSetup } from '../../../src/model/tasks.ts';

const entry = new URL('threads/scripted.ts', import.meta.url);
const open: Pool[] = [];

async function start({ threads = 1, queueLimit = 100, broken = false } = {}) {
  const shared = new Int32Array(new SharedArrayBuffer(12));
  if (broken) shared[2] = 1;
  const setup = { shared: shared.buffer } as unknown as ThreadSetup;
  const pool = await Pool.open({ entry, setup, threads, queueLimit });
  open.push(pool);
  const openGate = () => {
    Atomics.store(shared, 0, 1);
    Atomics.notify(shared, 0);
  };
  return { pool, shared, openGate };
}

/** Runs scripted tasks, one thread each. */
function run(
  pool: Pool,
  texts: readonly string[],
  options: ComputeOptions = {},
): Promise<readonly unknown[]> {
  const tasks = texts.map((text) => () => ({
    task: { kind: 'queries', texts: [text] } as const,
    transfer: [],
  }));
  return pool.run(tasks, options);
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()));
});

describe('a pool of threads', () => {
  it('answers the tasks of a call in their order, whichever thread was first', async () => {
    const { pool, openGate } = await start({ threads: 2 });
    const answer = run(pool, ['hold', 'b', 'c']);
    await run(pool, ['d']);
    openGate();
    expect(await answer).toEqual(['hold', 'b', 'c']);
  });

  it('answers a call without tasks at once', async () => {
    const { pool } = await start();
    expect(await run(pool, [])).toEqual([]);
  });

  it('leaves the event loop free while every thread is blocked', async () => {
    const { pool, openGate } = await start();
    const held = run(pool, ['hold']);
    // Only a timer of this thread opens the gate: were this thread blocked, it would stay shut for ever.
    setTimeout(openGate, 1);
    expect(await held).toEqual(['hold']);
  });

  it('serves a search before ingest that came earlier', async () => {
    const { pool, openGate } = await start();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const calls = [
      run(pool, ['hold']).then(note('running')),
      run(pool, ['a', 'b'], { priority: 'ingest' }).then(note('ingest')),
      run(pool, ['c'], { priority: 'search' }).then(note('search')),
    ];
    openGate();
    await Promise.all(calls);
    expect(order).toEqual(['running', 'search', 'ingest']);
  });

  it('lets a search in between two tasks of an ingest call', async () => {
    const { pool, openGate } = await start();
    const order: string[] = [];
    const ingest = run(pool, ['hold', 'b', 'c'], { priority: 'ingest' }).then(() => order.push('ingest'));
    const search = run(pool, ['d']).then(() => order.push('search'));
    openGate();
    await Promise.all([ingest, search]);
    expect(order).toEqual(['search', 'ingest']);
  });
});

describe('tasks that can be done together', () => {
  const joining: Joining<Task> = {
    most: 3,
    unite: (tasks) => ({ kind: 'queries', texts: tasks.flatMap((task) => (task as QueriesTask).texts) }),
    divide: (answer) => (answer as string).split('+').map((one) => `${one} of ${answer}`),
  };
  const ask = (pool: Pool, text: string, options: ComputeOptions = {}, how = joining) =>
    pool.run([() => ({ task: { kind: 'queries', texts: [text] }, transfer: [] })], options, how);

  it('are when they wait for the last thread, so many at a time, each answered its own', async () => {
    const { pool, openGate } = await start();
    const running = ask(pool, 'hold');
    const waiting = ['a', 'b', 'c', 'd'].map((text) => ask(pool, text));
    openGate();
    expect(await running).toEqual(['hold']);
    expect(await Promise.all(waiting)).toEqual([['a of a+b+c'], ['b of a+b+c'], ['c of a+b+c'], ['d']]);
  });

  it('are not as long as there is a thread for each', async () => {
    const { pool } = await start({ threads: 3 });
    expect(await Promise.all(['a', 'b', 'c'].map((text) => ask(pool, text)))).toEqual([['a'], ['b'], ['c']]);
  });

  it('are only with those that are joined alike, and whose caller is still there', async () => {
    const { pool, openGate } = await start();
    const leaving = new AbortController();
    const running = ask(pool, 'hold');
    const waiting = [ask(pool, 'a'), run(pool, ['x']), ask(pool, 'y', {}, { ...joining }), ask(pool, 'b')];
    const dropped = ask(pool, 'die', { signal: leaving.signal });
    leaving.abort();
    await expect(dropped).rejects.toMatchObject({ code: 'aborted' });
    openGate();
    await running;
    expect(await Promise.all(waiting)).toEqual([['a of a+b'], ['x'], ['y'], ['b of a+b']]);
  });

  it('fail together', async () => {
    const { pool, openGate } = await start();
    const running = ask(pool, 'hold');
    const united: Joining<Task> = { ...joining, unite: () => ({ kind: 'queries', texts: ['fail'] }) };
    const waiting = ['a', 'b'].map((text) => ask(pool, text, {}, united));
    openGate();
    await running;
    const settled = await Promise.allSettled(waiting);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await ask(pool, 'c')).toEqual(['c']);
  });
});

describe('a full queue', () => {
  it('refuses the next call and says how many may wait, until one has settled', async () => {
    const { pool, openGate } = await start({ queueLimit: 2 });
    const running = run(pool, ['hold']);
    const waiting = run(pool, ['a']);
    expect(pool.pending).toBe(2);
    await expect(run(pool, ['b'])).rejects.toMatchObject({
      code: 'model-overloaded',
      hint: expect.stringContaining('At most 2 calls'),
    });
    openGate();
    await Promise.all([running, waiting]);
    expect(pool.pending).toBe(0);
    expect(await run(pool, ['b'])).toEqual(['b']);
  });
});

describe('a caller who leaves', () => {
  it('gets aborted at once, and his waiting work is never run', async () => {
    const { pool, openGate } = await start();
    const running = run(pool, ['hold']);
    const leaving = new AbortController();
    const dropped = run(pool, ['die'], { signal: leaving.signal });
    leaving.abort();
    await expect(dropped).rejects.toMatchObject({ code: 'aborted' });
    expect(pool.pending).toBe(1);
    openGate();
    // Had the dropped task run, the thread would have died and this call with it.
    expect(await Promise.all([running, run(pool, ['a'])])).toEqual([['hold'], ['a']]);
  });

  it('gets aborted while his work runs, and the thread goes on to the next', async () => {
    const { pool, openGate } = await start();
    const leaving = new AbortController();
    const running = run(pool, ['hold'], { signal: leaving.signal });
    leaving.abort();
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    const next = run(pool, ['a']);
    openGate();
    expect(await next).toEqual(['a']);
  });

  it('who left before he asked gets aborted', async () => {
    const { pool } = await start();
    await expect(run(pool, ['a'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    });
  });
});

describe('a thread that fails', () => {
  it.each(['die', 'throw'])('by %s fails its call with model-failed and is replaced', async (how) => {
    const { pool, shared } = await start();
    await expect(run(pool, [how, 'a'])).rejects.toMatchObject({ code: 'model-failed' });
    expect(await run(pool, ['b'])).toEqual(['b']);
    expect(shared[1]).toBe(2);
  });

  it('does not fail the calls of others', async () => {
    const { pool } = await start({ threads: 2 });
    const calls = [run(pool, ['die']), run(pool, ['a']), run(pool, ['b']), run(pool, ['c'])];
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('in a task only, keeps running, and the fault keeps its code and hint', async () => {
    const { pool, shared } = await start();
    await expect(run(pool, ['fail'])).rejects.toMatchObject({
      code: 'states-foreign',
      message: 'as told',
      hint: 'h',
    });
    expect(await run(pool, ['a'])).toEqual(['a']);
    expect(shared[1]).toBe(1);
  });

  it('to start refuses the pool with its fault', async () => {
    await expect(start({ broken: true, threads: 2 })).rejects.toMatchObject({
      code: 'bundle-invalid',
      message: 'no such graph',
    });
  });

  it('to be replaced fails what waits, and is tried again with the next call', async () => {
    const { pool, shared } = await start();
    shared[2] = 1;
    const calls = [run(pool, ['die']), run(pool, ['a'])];
    const settled = await Promise.allSettled(calls);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(run(pool, ['b'])).rejects.toMatchObject({ code: 'model-failed' });
    shared[2] = 0;
    expect(await run(pool, ['c'])).toEqual(['c']);
  });
});

describe('closing a pool', () => {
  it('waits for the calls it has taken and refuses new ones', async () => {
    const { pool, openGate } = await start();
    const calls = [run(pool, ['hold']), run(pool, ['a'])];
    let closed = false;
    const closing = pool.close().then(() => {
      closed = true;
    });
    await expect(run(pool, ['b'])).rejects.toMatchObject({
      code: 'model-failed',
      message: 'The model is closed.',
    });
    await delay(1);
    expect(closed).toBe(false);
    openGate();
    expect(await Promise.all(calls)).toEqual([['hold'], ['a']]);
    await closing;
  });
});
