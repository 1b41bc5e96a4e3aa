import { describe, expect, it } from 'vitest';
import { MiceError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { openLiveStates } from '../../../src/proxy/live-states.ts';

/** A model whose encodings end when they are told to, and which remembers what it was asked. */
function heldModel() {
  const asked: string[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const model = {
    async encodeDocuments(texts: readonly string[]) {
      asked.push([...texts]);
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return texts.map((text) => ({ states: Buffer.from(text) }));
    },
  } as unknown as Model;
  return { model, asked, gates };
}

const never = new AbortController().signal;
const texts = (states: readonly (Uint8Array | undefined)[]) =>
  states.map((bytes) => bytes && Buffer.from(bytes).toString());
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('states on first sight', () => {
  it('are encoded once for searches that come at the same time, and once for texts that repeat', async () => {
    const { model, asked, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const first = live.of(['a', 'b', 'a'], never);
    const second = live.of(['b', 'c'], never);
    await turn();
    for (const gate of gates) gate.resolve();
    expect(texts(await first)).toEqual(['a', 'b', 'a']);
    expect(texts(await second)).toEqual(['b', 'c']);
    expect(asked).toEqual([['a', 'b'], ['c']]);
    expect(texts(await live.of(['c', 'a'], never))).toEqual(['c', 'a']);
    expect(asked).toHaveLength(2);
  });

  it('are given as far as they are ready at the deadline; what was begun is kept', async () => {
    const { model, asked, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const deadline = new AbortController();
    const many = Array.from({ length: 20 }, (_, at) => `t${at}`);
    const coming = live.of(many, deadline.signal);
    await turn();
    gates[0]!.resolve();
    await turn();
    deadline.abort();
    const states = texts(await coming);
    expect(states.slice(0, 8)).toEqual(many.slice(0, 8));
    expect(states.slice(8)).toEqual(Array(12).fill(undefined));
    gates[1]!.resolve();
    await turn();
    expect(texts(await live.of(many.slice(0, 16), never))).toEqual(many.slice(0, 16));
    expect(asked).toHaveLength(2);
  });

  it('fail when encoding fails, and are tried again the next time', async () => {
    const { model, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const failing = live.of(['a'], never);
    gates[0]!.reject(new MiceError('model-failed', 'no'));
    await expect(failing).rejects.toMatchObject({ code: 'model-failed' });
    const again = live.of(['a'], never);
    gates[1]!.resolve();
    expect(texts(await again)).toEqual(['a']);
  });

  it('that others began and gave up are encoded again for those who still wait', async () => {
    const { model, asked, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const leaving = new AbortController();
    const left = live.of(['a', 'b'], leaving.signal);
    const waiting = live.of(['b'], never);
    leaving.abort();
    gates[0]!.reject(new MiceError('aborted', 'gone'));
    expect(texts(await left)).toEqual([undefined, undefined]);
    await turn();
    gates[1]!.resolve();
    expect(texts(await waiting)).toEqual(['b']);
    expect(asked).toEqual([['a', 'b'], ['b']]);
  });

  it('are all given, from one go, or none when the caller leaves', async () => {
    const { model, asked, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const many = Array.from({ length: 20 }, (_, at) => `t${at}`);
    const coming = live.all(many, {});
    gates[0]!.resolve();
    expect(texts(await coming)).toEqual(many);
    expect(asked).toEqual([many]);
    const leaving = new AbortController();
    const left = live.all([...many, 'new'], { signal: leaving.signal });
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'aborted' });
  });

  it('are given after the deadline too where they are at hand', async () => {
    const { model, gates } = heldModel();
    const live = openLiveStates(model, 1e6);
    const coming = live.of(['a'], never);
    gates[0]!.resolve();
    await coming;
    expect(texts(await live.of(['a', 'b'], AbortSignal.abort()))).toEqual(['a', undefined]);
  });

  it('are returned even when they are too large to be kept', async () => {
    const { model, gates } = heldModel();
    const live = openLiveStates(model, 2);
    const coming = live.of(['large'], never);
    gates[0]!.resolve();
    expect(texts(await coming)).toEqual(['large']);
  });
});
