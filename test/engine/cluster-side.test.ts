/** What the cluster does to documents by itself: pipelines, strict mappings, rewrites by query. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it, type TestContext } from 'vitest';
import { backfill } from '../../src/ingest/backfill/backfill.ts';
import { setupIndex } from '../../src/ingest/setup.ts';
import { describeOnEngines, needsApi } from '../support/engines.ts';
import { proxyBefore, type RawRequest, raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const signal = new AbortController().signal;

describeOnEngines('what the cluster changes itself', (engine) => {
  const proxy = proxyBefore(engine, { modelBundle: tinyBundle, modelThreads: 1 });
  let processors: readonly string[] = [];
  const rewriting = `rewriting-${process.pid}`;
  const plain = `plain-${process.pid}`;

  const ask = async (url: string, path: string, how: RawRequest = {}) => {
    const { status, text } = await raw(url, path, how);
    return { status, body: JSON.parse(text) };
  };
  const put = (url: string, path: string, body: object) =>
    ask(url, path, { method: 'PUT', body: JSON.stringify(body) });

  beforeAll(async () => {
    const { body } = await ask(engine.url, '/_nodes/ingest');
    const [node] = Object.values(
      body.nodes as Record<string, { ingest?: { processors: { type: string }[] } }>,
    );
    processors = node?.ingest?.processors.map(({ type }) => type) ?? [];
    await put(engine.url, `/_ingest/pipeline/${plain}`, { processors: [] });
    if (!processors.includes('set')) return;
    const set = { field: 'text', value: 'river of ice' };
    await put(engine.url, `/_ingest/pipeline/${rewriting}`, { processors: [{ set }] });
  });

  /** Skips, and says why, where this build has no processor that changes a document. */
  function needsProcessor(context: TestContext): void {
    if (processors.includes('set')) return;
    const reason = `${engine.name} ${engine.version}, as it is embedded, has no ingest processor "set"`;
    process.stderr.write(`${context.task.name}: skipped, ${reason}\n`);
    context.skip(reason);
  }

  async function prepared(settings: object = {}): Promise<string> {
    const index = engine.freshIndex('changed');
    const { bundle } = proxy.server.services.model;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: bundle.dims.vector });
    await put(engine.url, `/${index}/_settings`, settings);
    await proxy.server.services.placing.refresh();
    return index;
  }

  /** By id, how a search for ice found the states, and what they scored. */
  async function found(index: string, source = true) {
    const { body } = await ask(proxy.url, `/${index}/_search`, {
      body: JSON.stringify({ query: { match: { text: 'ice' } }, size: 50, _source: source }),
      headers: { 'x-mice-explain': 'true' },
    });
    const hits = body.mice.hits as { _id: string; states: string; score: number }[];
    const by = <T>(value: (hit: (typeof hits)[number]) => T) =>
      Object.fromEntries(hits.map((hit) => [hit._id, value(hit)]));
    return { states: by(({ states }) => states), scores: by(({ score }) => score) };
  }

  async function repaired(index: string) {
    const { engine: client, model, placing, selectionOf } = proxy.server.services;
    const [summary] = await backfill(index, {
      engine: client,
      model,
      placing,
      selectionOf,
      object: 'mice',
      signal,
    });
    await proxy.engine.refresh(index);
    return summary;
  }

  const encoded = async () => {
    const { text } = await raw(proxy.url, '/_mice/metrics');
    return Number(/^mice_documents_total\{[^}]*"enriched"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
  };

  it.for(['default_pipeline', 'final_pipeline'])(
    'a text that the %s of an index rewrites has stale states, whether a search asks for it or not',
    async (setting, context) => {
      needsProcessor(context);
      const index = await prepared({ index: { [setting]: rewriting } });
      await put(proxy.url, `/${index}/_doc/single?refresh=true`, { text: 'ice as it was sent' });
      const lines = '{"index":{"_id":"bulk"}}\n{"text":"more ice as it was sent"}\n';
      await ask(proxy.url, `/${index}/_bulk?refresh=true`, { body: lines });
      const without = await found(index, false);
      expect(without.states).toEqual({ single: 'unchecked', bulk: 'unchecked' });
      const whole = await found(index);
      expect(whole.states).toEqual({ single: 'stale', bulk: 'stale' });
      expect(without.scores).toEqual(whole.scores);
      expect(await repaired(index)).toMatchObject({ written: 2 });
      expect(await found(index)).toEqual({
        states: { single: 'fresh', bulk: 'fresh' },
        scores: whole.scores,
      });
    },
  );

  it('a pipeline of the index that leaves the text alone leaves its states fresh', async () => {
    const index = await prepared({ index: { default_pipeline: plain } });
    await put(proxy.url, `/${index}/_doc/a?refresh=true`, { text: 'ice' });
    const whole = await found(index);
    expect(whole.states).toEqual({ a: 'fresh' });
    await proxy.server.services.cache.close();
    const before = await encoded();
    const without = await found(index, false);
    expect(without).toEqual({ states: { a: 'unchecked' }, scores: whole.scores });
    expect(await encoded()).toBe(before);
  });

  it('a document whose request names a pipeline goes without states, and later updates of that request too', async () => {
    const index = await prepared();
    const before = await encoded();
    const path = `/${index}/_doc/single?pipeline=${plain}&refresh=true`;
    await put(proxy.url, path, { text: 'ice', mice: { hash: 'copied along' } });
    const lines = [
      `{"index":{"_id":"line","pipeline":"${plain}"}}\n{"text":"ice of a line"}\n`,
      '{"update":{"_id":"line"}}\n{"doc":{"n":1}}\n',
      '{"index":{"_id":"none","pipeline":"_none"}}\n{"text":"ice of none"}\n',
    ];
    await ask(proxy.url, `/${index}/_bulk?refresh=true`, { body: lines.join('') });
    const all = '{"index":{"_id":"all"}}\n{"text":"ice of all"}\n';
    await ask(proxy.url, `/${index}/_bulk?pipeline=${plain}&refresh=true`, { body: all });
    expect((await found(index)).states).toEqual({
      ...{ single: 'missing', line: 'missing', all: 'missing' },
      none: 'fresh',
    });
    expect(await encoded()).toBe(before + 1);
    expect((await ask(engine.url, `/${index}/_doc/single`)).body._source).toEqual({ text: 'ice' });
    await repaired(index);
    expect(new Set(Object.values((await found(index)).states))).toEqual(new Set(['fresh']));
  });

  it('a companion gets the states of the text that the pipeline made', async (context) => {
    needsProcessor(context);
    const index = engine.freshIndex('changed');
    await put(engine.url, `/${index}`, { settings: { index: { default_pipeline: rewriting } } });
    const { bundle } = proxy.server.services.model;
    const fields = { object: 'mice', vectorDims: bundle.dims.vector, store: 'companion' as const };
    await setupIndex(proxy.engine, index, fields);
    await proxy.server.services.placing.refresh();
    await put(proxy.url, `/${index}/_doc/a?refresh=true`, { text: 'as it was sent' });
    const path = `/${index}/_doc/b?refresh=true&pipeline=${rewriting}`;
    await put(proxy.url, path, { text: 'as it was sent' });
    expect((await found(index)).states).toEqual({ a: 'fresh', b: 'fresh' });
  });

  it('list_executed_pipelines is answered as the cluster answers it', async () => {
    const index = await prepared({ index: { default_pipeline: plain } });
    const body = '{"index":{}}\n{"text":"ice"}\n';
    const path = `/${index}/_bulk?list_executed_pipelines=true`;
    const [direct, through] = [await ask(engine.url, path, { body }), await ask(proxy.url, path, { body })];
    expect(through.status).toBe(direct.status);
    expect(through.body.items?.[0]?.index?.executed_pipelines).toEqual(
      direct.body.items?.[0]?.index?.executed_pipelines,
    );
  });

  it('a strict mapping without our object takes documents as it does directly', async () => {
    const index = engine.freshIndex('strict');
    const properties = { text: { type: 'text' } };
    await put(engine.url, `/${index}`, { mappings: { dynamic: 'strict', properties } });
    expect((await put(proxy.url, `/${index}/_doc/a`, { text: 'ice' })).status).toBe(201);
    const lines =
      '{"index":{"_id":"b"}}\n{"text":"ice"}\n{"update":{"_id":"a"}}\n{"doc":{"text":"more ice"}}\n';
    const { body } = await ask(proxy.url, `/${index}/_bulk?refresh=true`, { body: lines });
    expect(body).toMatchObject({ errors: false });
    expect((await put(proxy.url, `/${index}/_doc/c`, { other: 1 })).status).toBe(400);
    expect((await found(index)).states).toEqual({ a: 'missing', b: 'missing' });
  });

  /** A task of the cluster's own, to its end. */
  async function finished(task: string): Promise<unknown> {
    for (;;) {
      const { body } = await ask(proxy.url, `/_tasks/${task}`);
      if (body.completed) return body.response;
      await sleep(50);
    }
  }

  it('an _update_by_query in slices, in the background, past conflicts leaves states missing', async (context) => {
    await needsApi(context, engine, '/_all/_update_by_query');
    const index = await prepared();
    for (const id of ['a', 'b'])
      await put(proxy.url, `/${index}/_doc/${id}?refresh=true`, { text: `ice ${id}` });
    const script = { source: 'ctx._source.text += " more"' };
    const path = `/${index}/_update_by_query?slices=2&wait_for_completion=false&conflicts=proceed&refresh=true`;
    const { body } = await ask(proxy.url, path, { body: JSON.stringify({ script }) });
    expect(await finished(body.task)).toMatchObject({ updated: 2, version_conflicts: 0 });
    expect((await found(index)).states).toEqual({ a: 'missing', b: 'missing' });
    expect(await repaired(index)).toMatchObject({ written: 2 });
    const removal = `/${index}/_delete_by_query?slices=auto&wait_for_completion=false&conflicts=proceed&refresh=true`;
    const deletion = await ask(proxy.url, removal, { body: '{"query":{"ids":{"values":["a"]}}}' });
    expect(await finished(deletion.body.task)).toMatchObject({ deleted: 1 });
    expect((await found(index)).states).toEqual({ b: 'fresh' });
  });

  it('a _reindex in slices, in the background, past conflicts and through a pipeline leaves states missing', async (context) => {
    await needsApi(context, engine, '/_reindex');
    const [from, to] = [await prepared(), await prepared()];
    for (const id of ['a', 'b'])
      await put(proxy.url, `/${from}/_doc/${id}?refresh=true`, { text: `ice ${id}` });
    await put(proxy.url, `/${to}/_doc/b?refresh=true`, { text: 'ice that was there' });
    const order = {
      conflicts: 'proceed',
      source: { index: from },
      dest: { index: to, op_type: 'create', pipeline: plain },
    };
    const path = '/_reindex?slices=2&wait_for_completion=false&refresh=true';
    const { body } = await ask(proxy.url, path, { body: JSON.stringify(order) });
    expect(await finished(body.task)).toMatchObject({ created: 1, version_conflicts: 1 });
    expect((await found(to)).states).toEqual({ a: 'missing', b: 'fresh' });
    expect((await ask(engine.url, `/${to}/_doc/a`)).body._source).toEqual({ text: 'ice a' });
  });
});
