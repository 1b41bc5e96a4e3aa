/** One contract for the three places where states may lie. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StoreName } from '../../src/config/index-rules.ts';
import { loadSettings } from '../../src/config/settings.ts';
import { backfill } from '../../src/ingest/backfill/backfill.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { setupIndex } from '../../src/ingest/setup.ts';
import { companionName } from '../../src/ingest/stores/companion.ts';
import { startSweeper } from '../../src/ingest/sweeper.ts';
import { type RunningServer, startServer } from '../../src/proxy/server.ts';
import { checkStates } from '../../src/states/check.ts';
import { blobCrc } from '../../src/states/crc.ts';
import { contentHash } from '../../src/states/hash.ts';
import { AT } from '../../src/states/layout.ts';
import { readCompanion } from '../support/companion.ts';
import { describeOnEngines, type EngineUnderTest, needsApi } from '../support/engines.ts';
import { type ProxyUnderTest, proxyBefore, raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const ndjson = { 'content-type': 'application/x-ndjson' };
const signal = new AbortController().signal;

describeOnEngines('states are kept', (engine) => {
  const proxy = proxyBefore(engine, { modelBundle: tinyBundle, modelThreads: 1 });
  describe.each<StoreName>(['field', 'companion', 'cache'])('by the store %s:', (store) => {
    contract(store, engine, proxy);
  });

  it('on disk, over a restart: what a search has read is not read again', async () => {
    const index = await prepared('cache', engine, proxy);
    const put = (id: string, text: string) =>
      raw(engine.url, `/${index}/_doc/${id}?refresh=true`, { method: 'PUT', body: JSON.stringify({ text }) });
    for (const id of ['a', 'b', 'c']) await put(id, `glaciers ${id}`);
    const cachePath = await mkdtemp(join(tmpdir(), 'mice-restart-'));
    const search = JSON.stringify({ query: { match: { text: 'glaciers' } } });
    async function served(prepare?: (server: RunningServer) => unknown) {
      const given = { upstreamUrl: engine.url, listenPort: 0, logLevel: 'silent', rerankDeadlineMs: 60_000 };
      const settings = { ...given, modelBundle: tinyBundle, modelThreads: 1, cachePath };
      const server = await startServer(loadSettings({ given: settings }));
      try {
        await prepare?.(server);
        const how = { body: search, headers: { 'x-mice-explain': 'true' } };
        const { text } = await raw(server.url, `/${index}/_search`, how);
        const hits: readonly { _id: string; score: number | null }[] = JSON.parse(text).mice.hits;
        return Object.fromEntries(hits.map(({ _id, score }) => [_id, score]));
      } finally {
        await server.close();
      }
    }
    const before = await served();
    expect(Object.values(before)).not.toContain(null);
    await put('d', 'glaciers that no search has met');
    const encoded: string[] = [];
    const after = await served(({ services: { model } }) => {
      const { encodeDocuments } = model;
      Object.assign(model, {
        encodeDocuments(...[texts, how]: Parameters<typeof encodeDocuments>) {
          encoded.push(...texts);
          return encodeDocuments(texts, how);
        },
      });
    });
    expect(after).toEqual({ ...before, d: expect.any(Number) });
    expect(encoded).toEqual(['glaciers that no search has met']);
    await rm(cachePath, { recursive: true });
  });

  it('in a companion that no search by wildcard finds', async () => {
    const index = await prepared('companion', engine, proxy);
    await raw(proxy.url, `/${index}/_doc/a?refresh=true`, { body: '{"text":"seen"}' });
    await proxy.engine.refresh(companionName(index, 'mice'));
    const { hits } = await proxy.engine.search('*', { query: { match_all: {} }, size: 100 });
    expect(hits.some(({ id }) => id === 'a')).toBe(true);
    const { text } = await raw(engine.url, '/*/_search?size=1000');
    expect(text).not.toContain('mice-states-');
  });

  it('in a companion, by the later of two writes that race', async () => {
    const index = await prepared('companion', engine, proxy);
    const texts = Array.from({ length: 8 }, (_, at) => `version ${at}`);
    const put = (text: string) =>
      raw(proxy.url, `/${index}/_doc/raced`, { method: 'PUT', body: JSON.stringify({ text }) });
    await Promise.all(texts.map(put));
    const now = JSON.parse((await raw(engine.url, `/${index}/_doc/raced`)).text);
    const [beside] = await readCompanion(proxy.engine, 'mice', [{ index, id: 'raced', routing: undefined }]);
    expect(beside).toMatchObject({ hash: contentHash(now._source.text), seq_no: now._seq_no });
  });

  it('in a companion anew, when an index of the same name is made again', async () => {
    const index = await prepared('companion', engine, proxy);
    for (const text of ['one', 'two', 'three'])
      await raw(proxy.url, `/${index}/_doc/a`, { method: 'PUT', body: JSON.stringify({ text }) });
    await proxy.engine.deleteIndex(index);
    await proxy.engine.createIndex(index, { settings: {}, mappings: {} });
    await setupIndex(proxy.engine, index, { ...fieldsOf(proxy), store: 'companion' });
    await proxy.server.services.placing.refresh();
    await raw(proxy.url, `/${index}/_doc/a?refresh=true`, { method: 'PUT', body: '{"text":"again"}' });
    const [beside] = await readCompanion(proxy.engine, 'mice', [{ index, id: 'a', routing: undefined }]);
    expect(beside).toMatchObject({ hash: contentHash('again'), seq_no: 0 });
  });

  it('in the companions of the indices behind an alias, whatever the routing', async () => {
    const alias = engine.freshIndex('shops');
    const index = `${alias}-1`;
    await proxy.engine.createIndex(index, { settings: {}, mappings: {} });
    await raw(engine.url, '/_aliases', { body: JSON.stringify({ actions: [{ add: { index, alias } }] }) });
    await setupIndex(proxy.engine, alias, { ...fieldsOf(proxy), store: 'companion' });
    await proxy.server.services.placing.refresh();
    const written = await raw(proxy.url, `/${alias}/_bulk`, {
      body: '{"index":{"routing":"r"}}\n{"text":"by alias"}\n',
      headers: ndjson,
    });
    const { _id: id } = JSON.parse(written.text).items[0].index;
    const [beside] = await readCompanion(proxy.engine, 'mice', [{ index, id, routing: 'r' }]);
    expect(beside).toMatchObject({ hash: contentHash('by alias') });
  });

  it('in the companions of a data stream', async (context) => {
    await needsApi(context, engine, '/_data_stream/any', 'GET');
    const stream = engine.freshIndex('stream');
    const template = { index_patterns: [stream], data_stream: {}, priority: 900 };
    await proxy.engine.putIndexTemplate(stream, template as never);
    await raw(engine.url, `/_data_stream/${stream}`, { method: 'PUT' });
    await setupIndex(proxy.engine, stream, { ...fieldsOf(proxy), store: 'companion' });
    await proxy.server.services.placing.refresh();
    const body = '{"@timestamp":"2026-01-01T00:00:00Z","text":"glaciers"}';
    const written = await raw(proxy.url, `/${stream}/_doc?refresh=true`, { body });
    const { _index: index, _id: id } = JSON.parse(written.text);
    expect(index).not.toBe(stream);
    const [beside] = await readCompanion(proxy.engine, 'mice', [{ index, id, routing: undefined }]);
    expect(beside).toMatchObject({ hash: contentHash('glaciers') });
    expect(await statesFound(proxy, stream)).toEqual({ [id]: 'fresh' });
  });

  it('in a companion, stale where a script of the cluster changed the text', async (context) => {
    await needsApi(context, engine, '/_all/_update_by_query');
    const index = await prepared('companion', engine, proxy);
    for (const id of ['changed', 'same'])
      await raw(proxy.url, `/${index}/_doc/${id}?refresh=true`, { method: 'PUT', body: '{"text":"before"}' });
    const source = "if (ctx._id == 'changed') { ctx._source.text = 'after' } else { ctx._source.n = 1 }";
    const body = JSON.stringify({ script: { source } });
    const updated = await raw(proxy.url, `/${index}/_update_by_query?refresh=true`, { body });
    expect(JSON.parse(updated.text)).toMatchObject({ updated: 2 });
    expect(await statesFound(proxy, index)).toEqual({ changed: 'stale', same: 'fresh' });
    const { engine: client, model, placing, selectionOf } = proxy.server.services;
    const needs = { engine: client, model, placing, selectionOf, object: 'mice', signal };
    const [summary] = await backfill(index, { ...needs, lacking: true });
    expect(summary).toMatchObject({ written: 1, failed: 0 });
    expect(await statesFound(proxy, index)).toEqual({ changed: 'fresh', same: 'fresh' });
    const alone = JSON.stringify({ script: { source: "ctx._source.text = 'once more'" } });
    await raw(proxy.url, `/${index}/_update/changed?refresh=true`, { body: alone });
    expect(await statesFound(proxy, index)).toEqual({ changed: 'fresh', same: 'fresh' });
  });

  it('in a companion, which a sweeper deletes some time after its index', async () => {
    const [kept, gone] = [
      await prepared('companion', engine, proxy),
      await prepared('companion', engine, proxy),
    ];
    const { engine: client, model, placing, selectionOf } = proxy.server.services;
    await client.deleteIndex(gone);
    const faults: unknown[] = [];
    const sweeper = startSweeper({
      ...{ engine: client, model, placing, selectionOf, object: 'mice', indices: [kept] },
      ...{ intervalMs: 100, keptMs: 50, onSwept: () => {}, onFault: (error) => faults.push(error) },
    });
    const isThere = (index: string) => client.indexExists(companionName(index, 'mice'));
    await expect.poll(() => isThere(gone), { timeout: 120_000 }).toBe(false);
    await sweeper.close();
    expect(await isThere(kept)).toBe(true);
    expect(faults).toEqual([]);
  });
});

/** By id, how a search found the states of all documents. */
async function statesFound(proxy: ProxyUnderTest, index: string): Promise<Readonly<Record<string, string>>> {
  const should = [{ match_all: {} }, { match: { text: 'glaciers' } }];
  const body = JSON.stringify({ query: { bool: { should } } });
  const answer = await raw(proxy.url, `/${index}/_search`, { body, headers: { 'x-mice-explain': 'true' } });
  const { mice } = JSON.parse(answer.text) as { mice: { hits: { _id: string; states: string }[] } };
  return Object.fromEntries(mice.hits.map(({ _id, states }) => [_id, states]));
}

function fieldsOf(proxy: ProxyUnderTest) {
  return { object: 'mice', vectorDims: proxy.server.services.model.bundle.dims.vector };
}

/** An index that was there before, set up for `store`. */
async function prepared(store: StoreName, engine: EngineUnderTest, proxy: ProxyUnderTest): Promise<string> {
  const index = engine.freshIndex(store);
  if (store !== 'field') await proxy.engine.createIndex(index, { settings: {}, mappings: {} });
  await setupIndex(proxy.engine, index, { ...fieldsOf(proxy), store });
  await proxy.server.services.placing.refresh();
  return index;
}

function contract(store: StoreName, engine: EngineUnderTest, proxy: ProxyUnderTest): void {
  let index = '';
  const isKept = store !== 'cache';
  /** What a search finds of the states that were written. */
  const written = isKept ? 'fresh' : 'missing';

  beforeAll(async () => {
    index = await prepared(store, engine, proxy);
  });

  const put = (url: string, id: string, text: string) =>
    raw(url, `/${index}/_doc/${id}?refresh=true`, { method: 'PUT', body: JSON.stringify({ text }) });

  /** By id, how a search found the states of the documents with `word`, and their scores. */
  async function found(word: string, inIndex = index, source: unknown = true) {
    const body = JSON.stringify({ query: { match: { text: word } }, size: 50, _source: source });
    const answer = await raw(proxy.url, `/${inIndex}/_search`, {
      body,
      headers: { 'x-mice-explain': 'true' },
    });
    const { mice } = JSON.parse(answer.text) as {
      mice: { hits: { _id: string; states: string; score: number | null }[] };
    };
    const scores = mice.hits.map(({ _id, score }) => [_id, score] as const);
    expect(scores.every(([, score]) => score !== null)).toBe(true);
    return {
      states: Object.fromEntries(mice.hits.map(({ _id, states }) => [_id, states])),
      scores: Object.fromEntries(scores),
    };
  }

  const needs = () => {
    const { engine: client, model, placing, selectionOf } = proxy.server.services;
    return { engine: client, model, placing, selectionOf, object: 'mice', signal };
  };
  const verify = async (inIndex = index) =>
    (await verifyStates(inIndex, { ...needs(), model: needs().model.bundle.model }))[0];

  it('what is written through the proxy is found by searches, each way in', async () => {
    const lines = [
      '{"index":{"_id":"bulk"}}\n{"text":"river one"}\n',
      '{"create":{"_id":"routed","routing":"r"}}\n{"text":"river two"}\n',
      '{"index":{}}\n{"text":"river three"}\n',
      '{"update":{"_id":"upserted"}}\n{"doc":{"text":"river four"},"doc_as_upsert":true}\n',
    ];
    const answer = await raw(proxy.url, `/${index}/_bulk?refresh=true`, {
      body: lines.join(''),
      headers: { ...ndjson, 'accept-encoding': 'gzip' },
    });
    expect(answer.status).toBe(200);
    await put(proxy.url, 'single', 'river five');
    const { states } = await found('river');
    expect(Object.values(states)).toEqual(Array(5).fill(written));
    expect((await raw(engine.url, `/${index}/_doc/bulk`)).text).not.toContain('"states"');
  });

  it('a search that does not ask for sources scores the same', async () => {
    const [whole, without] = [await found('river'), await found('river', index, false)];
    expect(without.scores).toEqual(whole.scores);
  });

  it('an update of the text gives new states, one beside the text keeps them', async () => {
    await put(proxy.url, 'updated', 'lake');
    await raw(proxy.url, `/${index}/_update/updated?refresh=true`, { body: '{"doc":{"n":1}}' });
    expect((await found('lake')).states).toEqual({ updated: written });
    await raw(proxy.url, `/${index}/_update/updated?refresh=true`, { body: '{"doc":{"text":"pond"}}' });
    expect((await found('pond')).states).toEqual({ updated: written });
  });

  it('a document that was written past the proxy is read on sight, and repaired', async () => {
    await put(engine.url, 'past', 'hill');
    await put(proxy.url, 'over', 'valley');
    await put(engine.url, 'over', 'hill again');
    const before = await found('hill');
    expect(before.states).toEqual({
      past: 'missing',
      over: store === 'companion' ? 'stale' : 'missing',
    });
    if (!isKept) {
      await expect(backfill(index, needs())).rejects.toMatchObject({ code: 'index-mapping' });
      return;
    }
    const [summary] = await backfill(index, needs());
    expect(summary).toMatchObject({ written: 2, failed: 0 });
    await proxy.engine.refresh(index);
    const after = await found('hill');
    expect(after.states).toEqual({ past: 'fresh', over: 'fresh' });
    expect(after.scores).toEqual(before.scores);
    expect(await verify()).toMatchObject({ stale: 0, missing: 0 });
  });

  it('states of another model are not used, and replaced', async () => {
    if (!isKept) return;
    await put(proxy.url, 'foreign', 'meadow');
    const { model } = needs();
    const { states } = (await model.encodeDocuments(['meadow']))[0]!;
    const foreign = foreignTo(states);
    expect(checkStates(foreign, { bundleId: model.bundle.id }).kind).toBe('foreign');
    const bytes = Buffer.from(foreign).toString('base64');
    if (store === 'companion') {
      const [beside] = await readCompanion(proxy.engine, 'mice', [
        { index, id: 'foreign', routing: undefined },
      ]);
      const place = `/${companionName(index, 'mice')}/_doc/foreign`;
      const query = `version=${beside!.seq_no}&version_type=external_gte&refresh=true`;
      const document = { ...beside, states: bytes, model: 'other' };
      await raw(engine.url, `${place}?${query}`, { method: 'PUT', body: JSON.stringify(document) });
    } else {
      const mice = { states: bytes, model: 'other', hash: contentHash('meadow') };
      const body = JSON.stringify({ doc: { mice } });
      await raw(engine.url, `/${index}/_update/foreign?refresh=true`, { body });
    }
    expect((await found('meadow')).states).toEqual({ foreign: 'unusable' });
    expect(await verify()).toMatchObject({ stale: 1 });
    await backfill(index, { ...needs(), lacking: true });
    await proxy.engine.refresh(index);
    expect((await found('meadow')).states).toEqual({ foreign: 'fresh' });
  });

  it('a deleted document leaves no states behind', async () => {
    await put(proxy.url, 'gone', 'cloud');
    await put(proxy.url, 'lost', 'cloud');
    const beside = async () =>
      store === 'companion'
        ? (
            await readCompanion(
              proxy.engine,
              'mice',
              ['gone', 'lost'].map((id) => ({ index, id, routing: undefined })),
            )
          ).map((document) => document !== undefined)
        : [false, false];
    await raw(proxy.url, `/${index}/_bulk?refresh=true`, {
      body: '{"delete":{"_id":"gone"}}\n',
      headers: ndjson,
    });
    expect(await beside()).toEqual([false, store === 'companion']);
    await raw(engine.url, `/${index}/_doc/lost?refresh=true`, { method: 'DELETE' });
    if (isKept) await backfill(index, needs());
    expect(await beside()).toEqual([false, false]);
    expect((await found('cloud')).states).toEqual({});
  });

  it('a copy of an index is read on sight until it is set up and filled', async () => {
    const copy = await prepared(store, engine, proxy);
    await raw(engine.url, `/${copy}/_doc/a?refresh=true`, { method: 'PUT', body: '{"text":"river copied"}' });
    expect((await found('river', copy)).states).toEqual({ a: 'missing' });
    if (!isKept) return;
    await backfill(copy, needs());
    await proxy.engine.refresh(copy);
    expect((await found('river', copy)).states).toEqual({ a: 'fresh' });
  });
}

/** The same states, said to be of another bundle, their checksum made anew. */
function foreignTo(states: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(states);
  bytes.set(Buffer.from('ffffffffffffffff', 'hex'), AT.bundleId);
  new DataView(bytes.buffer).setUint32(AT.crc, blobCrc(bytes), true);
  return bytes;
}
