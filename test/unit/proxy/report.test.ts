import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  context,
  propagation,
  type Span,
  type SpanOptions,
  type TextMapGetter,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { afterEach, describe, expect, it } from 'vitest';
import { openMetrics } from '../../../src/observe/metrics.ts';
import { inRequestSpan, inSpan } from '../../../src/observe/trace.ts';
import { degradeReasons, skipReasons } from '../../../src/proxy/verdicts.ts';
import { raw } from '../../support/proxy.ts';
import { proxyOver, stubEngine } from '../../support/stub-engine.ts';
import { found, type Scripted, scripted } from './scripted-cluster.ts';

let open: Scripted | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

const body = JSON.stringify({ query: { match: { text: 'secret words' } }, size: 3 });
const ask = (proxy: Scripted, headers: Record<string, string> = {}, asked = body) =>
  raw(proxy.url, '/i/_search', { body: asked, headers });

describe('a search is told of', () => {
  it('in the header, the log and the metrics with the same words, and without what was asked', async () => {
    open = await scripted();
    await ask(open, { 'x-opaque-id': 'task-7', traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` });
    await ask(open, {}, JSON.stringify({ query: { match_all: {} } }));
    open.modelFails = true;
    const failed = await ask(open);
    expect(failed.headers['x-mice']).toMatch(/^degraded; reason=model-failed/);
    const lines = open.logged.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'search');
    expect(lines).toMatchObject([
      { outcome: 'reranked', window: 30, scored: 30, opaqueId: 'task-7', traceId: 'ab'.repeat(16) },
      { outcome: 'skipped', reason: 'no-query-text' },
      { outcome: 'degraded', reason: 'model-failed' },
    ]);
    expect(open.logged.join()).not.toContain('secret');
    const metrics = await open.metrics();
    expect(metrics).toContain('mice_searches_total{outcome="reranked",reason=""} 1');
    expect(metrics).toContain('mice_searches_total{outcome="skipped",reason="no-query-text"} 1');
    expect(metrics).toContain('mice_searches_total{outcome="degraded",reason="model-failed"} 1');
    expect(metrics).toContain('mice_window_hits_total{scored="yes"} 30');
    for (const stage of ['upstream', 'query', 'queue', 'states', 'score', 'total'])
      expect(metrics).toMatch(new RegExp(`mice_search_stage_seconds_count\\{stage="${stage}"\\} [12]`));
  });

  it('as passed on unread when the queue is full, and as left alone while the model rests', async () => {
    open = await scripted({
      overloadConcurrency: 1,
      overloadQueue: 0,
      breakerFailures: 1,
      breakerPauseMs: 60_000,
    });
    const proxy = open;
    const go = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    proxy.beforeScoring = () => {
      reached.resolve();
      return go.promise;
    };
    const first = ask(proxy);
    await reached.promise;
    proxy.seen.length = 0;
    const second = await ask(proxy);
    expect(second.headers['x-mice']).toMatch(/^degraded; reason=overloaded; window=0; scored=0/);
    expect(proxy.seen).toMatchObject([{ url: '/i/_search', body }]);
    go.resolve();
    expect((await first).headers['x-mice']).toMatch(/^reranked/);
    proxy.modelFails = true;
    await ask(proxy);
    const third = await ask(proxy);
    expect(third.headers['x-mice']).toMatch(/^degraded; reason=model-rests; window=0/);
    const direct = await raw(proxy.clusterUrl, '/i/_search', { body });
    expect(third.text).toBe(direct.text);
  });

  it('hit by hit where it is to be explained, and nothing else in the answer differs', async () => {
    open = await scripted();
    const plain = await ask(open);
    const explained = await ask(open, { 'x-mice-explain': 'true' });
    const { mice, ...rest } = JSON.parse(explained.text);
    expect(rest).toEqual(JSON.parse(plain.text));
    expect(explained.text.startsWith(plain.text.slice(0, -1))).toBe(true);
    const shown = JSON.parse(plain.text).hits.hits;
    expect(mice.hits.map((hit: { _id: string }) => hit._id)).toEqual(
      shown.map((hit: { _id: string }) => hit._id),
    );
    expect(mice.hits[0]).toMatchObject({ rank: 1, score: shown[0]._score, states: 'missing' });
    expect(mice.hits[0].first_stage.rank).toBeGreaterThan(0);
    expect(mice.verdict).toMatchObject({ outcome: 'reranked', window: 30, scored: 30 });
    const { mice: later } = JSON.parse(
      (await ask(open, { 'x-mice-explain': 'true' }, body.replace('"size":3', '"size":3,"from":3'))).text,
    );
    expect(later.hits.map(({ rank, states }: { rank: number; states: string }) => [rank, states])).toEqual([
      [4, 'kept'],
      [5, 'kept'],
      [6, 'kept'],
    ]);
  });
});

it('the words of both kinds of reasons differ, so that one column holds either', () => {
  const both = [...Object.keys(skipReasons), ...Object.keys(degradeReasons)];
  expect(new Set(both).size).toBe(both.length);
});

it('every metric says what it counts', () => {
  for (const { name, help } of openMetrics().describe()) {
    expect(name).toMatch(/^mice_[a-z0-9_]+$/);
    expect(help.length, name).toBeGreaterThan(10);
  }
});

it('faults that clients are answered with are counted by code', async () => {
  const engine = await stubEngine((request) => request.socket.destroy());
  const { url } = await proxyOver(engine);
  expect((await raw(url, '/x', { body: '{}' })).status).toBe(502);
  expect((await raw(url, '/_mice/metrics')).text).toContain(
    'mice_faults_total{code="upstream-unreachable"} 1',
  );
});

/** As much of an SDK as shows what reaches one. */
function recordingSdk() {
  const spans: { name: string; parent: unknown; attributes: Attributes; ended: boolean }[] = [];
  const parentKey = Symbol('parent');
  const active = new AsyncLocalStorage<Context>();
  const tracer = {
    startActiveSpan(name: string, ...rest: unknown[]) {
      const work = rest.pop() as (span: Span) => unknown;
      const options = (rest[0] ?? {}) as SpanOptions;
      const parent = (rest[1] ?? context.active()) as Context;
      const record = {
        name,
        parent: parent.getValue(parentKey),
        attributes: { ...options.attributes },
        ended: false,
      };
      spans.push(record);
      const span = {
        setStatus: () => span,
        setAttributes(more: Attributes) {
          Object.assign(record.attributes, more);
          return span;
        },
        end: () => {
          record.ended = true;
        },
      } as unknown as Span;
      return context.with(trace.setSpan(parent.setValue(parentKey, name), span), () => work(span));
    },
  } as unknown as Tracer;
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  propagation.setGlobalPropagator({
    inject: () => {},
    extract: (into: Context, carrier: unknown, getter: TextMapGetter) =>
      into.setValue(parentKey, getter.get(carrier, 'traceparent')),
    fields: () => ['traceparent'],
  });
  context.setGlobalContextManager({
    active: () => active.getStore() ?? rootContext,
    with: (next, work, thisArg, ...args) => active.run(next, () => work.call(thisArg, ...args)),
    bind: (_, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
  const rootContext = emptyContext();
  return spans;
}

function emptyContext(values: ReadonlyMap<symbol, unknown> = new Map()): Context {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => emptyContext(new Map(values).set(key, value)),
    deleteValue: (key) => emptyContext(new Map([...values].filter(([one]) => one !== key))),
  };
}

describe('spans', () => {
  afterEach(() => {
    trace.disable();
    propagation.disable();
    context.disable();
  });

  it("join the caller's trace, stages below the request, and end with what they measured", async () => {
    const spans = recordingSdk();
    const given = await inRequestSpan('mice.search', { traceparent: 'the caller' }, { a: 1 }, () =>
      inSpan('mice.score', async () => 'scored'),
    );
    expect(given).toBe('scored');
    expect(spans).toEqual([
      { name: 'mice.search', parent: 'the caller', attributes: { a: 1 }, ended: true },
      { name: 'mice.score', parent: 'mice.search', attributes: {}, ended: true },
    ]);
  });

  it('of a search are below its caller, and say what became of it', async () => {
    const documents = [1, 2, 3].map((at) => ({ id: `d${at}`, score: at }));
    const engine = await stubEngine((_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .end(found({ documents }, {}, new URLSearchParams()));
    });
    const { url } = await proxyOver(engine, { rerankDeadlineMs: 60_000 });
    const spans = recordingSdk();
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const answer = await raw(url, '/i/_search', { body, headers: { traceparent } });
    expect(answer.headers['x-mice']).toMatch(/^reranked; window=3; scored=3/);
    const [whole, ...stages] = spans;
    expect(whole).toMatchObject({
      name: 'mice.search',
      parent: traceparent,
      attributes: { 'mice.form': 'search', 'mice.outcome': 'reranked', 'mice.window': 3, 'mice.scored': 3 },
      ended: true,
    });
    const names = ['upstream', 'query', 'queue', 'states', 'score', 'total'].map((stage) => `mice.${stage}`);
    expect(new Set(stages.map(({ name }) => name))).toEqual(new Set(names));
    for (const { name, parent, ended } of stages)
      expect([parent, ended], name).toEqual([name === 'mice.total' ? 'mice.search' : 'mice.total', true]);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  it('end where their work fails, and the fault goes on', async () => {
    const spans = recordingSdk();
    await expect(inSpan('mice.score', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(spans[0]!.ended).toBe(true);
  });

  it('cost nothing where nobody takes them', async () => {
    expect(await inRequestSpan('mice.search', {}, {}, async () => 1)).toBe(1);
  });
});
