import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';
import { MiceError } from '../../../src/errors.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import type { EncodedQuery, Model } from '../../../src/model/model.ts';
import { startStageClock } from '../../../src/observe/stages.ts';
import { findHits } from '../../../src/proxy/hits.ts';
import { openLiveStates } from '../../../src/proxy/live-states.ts';
import { openLoad } from '../../../src/proxy/load.ts';
import { scoreWindow, type WindowNeeds } from '../../../src/proxy/score-window.ts';
import { encodePassages } from '../../../src/states/encode.ts';
import { unsplit } from '../../../src/states/splitting.ts';

/** A window of `count` hits whose text is their place; none has stored states. */
function windowOf(count: number, deadline: AbortSignal, sourceIsWhole = true) {
  const hits = Array.from({ length: count }, (_, at) => ({
    _index: 'i',
    _id: `${at}`,
    _source: { text: `${at}` },
  }));
  const answer = Buffer.from(JSON.stringify({ hits: { max_score: 1, hits } }));
  const difference = { keepStates: false, hidden: [] };
  return {
    answer,
    hits: findHits(answer, 'mice.states', difference).hits,
    sourceIsWhole,
    query: Promise.resolve({} as EncodedQuery),
    deadline,
    deadlineAtMs: performance.now() + 60_000,
  };
}

interface Script {
  /** Called with the places of each go before it is scored. */
  readonly onScore?: (places: readonly number[]) => void | Promise<void>;
  readonly overload?: { readonly concurrency: number; readonly queue: number };
}

function needsOf({ onScore, overload }: Script = {}): WindowNeeds {
  const model = {
    bundle: { id: 'm' },
    splitting: unsplit(256),
    encodeDocuments: async (texts: readonly string[]) => texts.map((text) => ({ states: Buffer.from(text) })),
    async score(_query: unknown, documents: readonly Uint8Array[]) {
      const places = documents.map((bytes) => Number(Buffer.from(bytes).toString()));
      await onScore?.(places);
      return { scores: Float32Array.from(places) };
    },
  } as unknown as Model;
  const given = {
    breakerFailures: 2,
    breakerPauseMs: 60_000,
    ...(overload && { overloadConcurrency: overload.concurrency, overloadQueue: overload.queue }),
  };
  return {
    model,
    live: openLiveStates(model, 1e6),
    load: openLoad(loadSettings({ given })),
    log: pino({ level: 'silent' }),
    selectionOf: () => plainSelection(['text']),
    locate: async ({ hits }) => hits.map(() => ({ states: undefined, isOwn: true })),
    saw: () => false,
    onRead() {},
    remember() {},
    fetchSources: async (hits) => hits.map(({ id }) => ({ text: id })),
  };
}

const never = new AbortController().signal;
const score = (window: ReturnType<typeof windowOf>, needs: WindowNeeds) =>
  scoreWindow(window, startStageClock(), needs);
const places = (count: number) => Array.from({ length: count }, (_, at) => at);

describe('a window', () => {
  it.each([true, false])(
    'is scored whole where there is time, sources in the answer: %s',
    async (inAnswer) => {
      const { scores, reason, states } = await score(windowOf(30, never, inAnswer), needsOf());
      expect(scores).toEqual(places(30));
      expect(reason).toBeUndefined();
      expect(new Set(states)).toEqual(new Set(['missing']));
    },
  );

  it('is scored from its best candidate on, and keeps what it has when the deadline fires', async () => {
    const deadline = new AbortController();
    const needs = needsOf({ onScore: (go) => void (go.includes(16) && deadline.abort()) });
    const { scores, reason } = await score(windowOf(30, deadline.signal), needs);
    expect(scores.slice(0, 24)).toEqual(places(24));
    expect(scores.slice(24)).toEqual(Array(6).fill(undefined));
    expect(reason).toBe('deadline');
  });

  it('keeps what was scored before the model failed', async () => {
    const needs = needsOf({
      onScore: (go) => {
        if (go.includes(8)) throw new MiceError('model-failed', 'no');
      },
    });
    const { scores, reason } = await score(windowOf(30, never), needs);
    expect(scores.filter((one) => one !== undefined)).toEqual(places(8));
    expect(reason).toBe('model-failed');
  });

  it('is left alone while the model rests after faults', async () => {
    let asked = 0;
    const needs = needsOf({
      onScore: () => {
        asked += 1;
        throw new MiceError('model-failed', 'no');
      },
    });
    const reasons = [];
    for (let at = 0; at < 4; at++) reasons.push((await score(windowOf(5, never), needs)).reason);
    expect(reasons).toEqual(['model-failed', 'model-failed', 'model-rests', 'model-rests']);
    expect(asked).toBe(2);
  });

  it('is scored in part while others wait behind it, and not at all when the queue is full', async () => {
    const go = Promise.withResolvers<void>();
    const needs = needsOf({ onScore: () => go.promise, overload: { concurrency: 1, queue: 2 } });
    const running = [1, 2, 3, 4].map(() => score(windowOf(20, never), needs));
    expect((await running[3]!).reason).toBe('overloaded');
    go.resolve();
    const [first, second, third] = await Promise.all(running);
    expect(first!.scores).toEqual(places(20));
    expect(second!.scores.filter((one) => one !== undefined)).toEqual(places(10));
    expect([second!.reason, second!.states[15]]).toEqual(['overloaded', 'unread']);
    expect(third!.scores).toEqual(places(20));
    expect(needs.load.admission.running).toBe(0);
  });

  it('gives up its place when its time is over while it waits', async () => {
    const go = Promise.withResolvers<void>();
    const needs = needsOf({ onScore: () => go.promise, overload: { concurrency: 1, queue: 2 } });
    const first = score(windowOf(3, never), needs);
    const deadline = new AbortController();
    const second = score(windowOf(3, deadline.signal), needs);
    deadline.abort();
    expect((await second).reason).toBe('deadline');
    go.resolve();
    expect((await first).scores).toEqual([0, 1, 2]);
  });

  it('says so when texts cannot be read', async () => {
    const fetchSources = () => Promise.reject(new MiceError('upstream-refused', 'no'));
    const { scores, reason } = await score(windowOf(3, never, false), { ...needsOf(), fetchSources });
    expect(scores).toEqual([undefined, undefined, undefined]);
    expect(reason).toBe('no-source');
  });

  it('of long documents is scored in smaller goes, and tells which passage has the score', async () => {
    const splitting = { tokens: 2, overlap: 0, most: 4, rule: 1 };
    const goes: number[] = [];
    const passages = [0, 4, 8, 12].map((start) => ({
      ...{ start, end: start + 4, vector: Float32Array.of(1), states: new Float32Array(2) },
    }));
    const bytes = encodePassages({
      ...{ bundleId: '0123456789abcdef', hash: '0'.repeat(32), truncated: true, dtype: 'int8', dims: 1 },
      ...{ splitting, passages },
    });
    const model = {
      ...{ bundle: { id: 'm' }, splitting },
      encodeDocuments: async (texts: readonly string[]) => texts.map(() => ({ states: bytes })),
      async score(_query: unknown, documents: readonly Uint8Array[]) {
        goes.push(documents.length);
        return {
          scores: new Float32Array(documents.length),
          passages: new Uint32Array(documents.length).fill(2),
        };
      },
    } as unknown as Model;
    const needs: WindowNeeds = {
      ...{ ...needsOf(), model, live: openLiveStates(model, 1e6) },
      fetchSources: async (hits) => hits.map(({ id }) => ({ text: `${id} `.repeat(100) })),
    };
    const { read } = await score(windowOf(5, never, false), needs);
    expect(goes).toEqual([2, 2, 1]);
    expect(read).toEqual(
      Array(5).fill({ passages: 4, best: 3, place: { start: 8, end: 12 }, truncated: true }),
    );
  });
});
