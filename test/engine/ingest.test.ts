import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { checkStates } from '../../src/states/check.ts';
import { contentHash } from '../../src/states/hash.ts';
import { describeOnEngines } from '../support/engines.ts';
import { bulkLines, passages } from '../support/passages.ts';
import { proxyBefore, type RawRequest, raw } from '../support/proxy.ts';

const ndjson = { 'content-type': 'application/x-ndjson' };

describeOnEngines('writes through the proxy', (engine) => {
  const proxy = proxyBefore(engine);
  const index = engine.freshIndex('written');
  const fields = () => ({ object: 'mice', vectorDims: proxy.server.services.model.bundle.dims.vector });

  beforeAll(async () => {
    await setupIndex(proxy.engine, index, fields());
  });

  /** The `mice` object of a document as the cluster stored it: two members in `_source`, the states in doc values. */
  async function stored(
    id: string,
    inIndex = index,
  ): Promise<{ source: Record<string, unknown>; states: Buffer | undefined; hash?: string; model?: string }> {
    const body = JSON.stringify({ query: { ids: { values: [id] } }, docvalue_fields: ['mice.states'] });
    const [hit] = JSON.parse((await raw(engine.url, `/${inIndex}/_search`, { body })).text).hits.hits;
    const { mice, ...source } = hit._source;
    const states = hit.fields?.['mice.states']?.[0];
    return { source, ...mice, states: states && Buffer.from(states, 'base64') };
  }

  async function expectFresh(id: string, text: string): Promise<void> {
    const { bundle } = proxy.server.services.model;
    const { states, hash, model } = await stored(id);
    expect({ hash, model }).toEqual({ hash: contentHash(text), model: bundle.model });
    expect(checkStates(states!, { bundleId: bundle.id })).toMatchObject({ kind: 'ok', header: { hash } });
  }

  it('gives every document of a bulk request vector, states, model and hash', async () => {
    const answer = await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(index), headers: ndjson });
    expect(JSON.parse(answer.text)).toMatchObject({ errors: false });
    for (const { id, title, text } of passages) {
      await expectFresh(id, `${title}\n${text}`);
      expect((await stored(id)).source).toEqual({ title, text });
    }
    const vector = await proxy.server.services.model.encodeQuery('what makes ice slide downhill?');
    const nearest = await proxy.engine.search(
      index,
      proxy.engine.vectorSearch({ field: 'mice.vector', vector: vector.vector, k: 3 }),
    );
    expect(nearest.hits[0]!.id).toBe('move');
  });

  it.each<[string, string, RawRequest]>([
    ['PUT _doc', '/_doc/put', { method: 'PUT' }],
    ['POST _doc with an id', '/_doc/post', { method: 'POST' }],
    ['PUT _create', '/_create/created', { method: 'PUT' }],
    ['POST _create', '/_create/created-too', { method: 'POST' }],
    ['gzip', '/_doc/gzipped', { method: 'PUT', headers: { 'content-encoding': 'gzip' } }],
    [
      'a vendor media type',
      '/_doc/vendor',
      { method: 'PUT', headers: { 'content-type': 'application/json; charset=utf-8' } },
    ],
  ])('enriches a single document: %s', async (_, path, how) => {
    const text = `Rivers of ice, ${path}`;
    const plain = JSON.stringify({ text });
    const body = how.headers?.['content-encoding'] ? gzipSync(plain) : plain;
    const answer = await raw(proxy.url, `/${index}${path}?refresh=true`, { ...how, body });
    expect(answer.status).toBe(201);
    await expectFresh(path.split('/')[2]!, text);
  });

  it('takes the id that the cluster gives to POST _doc', async () => {
    const answer = await raw(proxy.url, `/${index}/_doc?refresh=true`, { body: '{"text":"no id"}' });
    await expectFresh(JSON.parse(answer.text)._id, 'no id');
  });

  it('streams a gzipped bulk request in many chunks, answers in order, and marks each refused item', async () => {
    const lines = Array.from({ length: 700 }, (_, at) => {
      const action =
        at % 100 === 50
          ? { create: { _index: index, _id: 'move' } }
          : { index: { _index: index, _id: `n${at}` } };
      return `${JSON.stringify(action)}\n${JSON.stringify({ text: `number ${at}` })}\n`;
    });
    const answer = await raw(proxy.url, '/_bulk?refresh=true', {
      body: gzipSync(lines.join('')),
      headers: { ...ndjson, 'content-encoding': 'gzip' },
    });
    const { items, errors } = JSON.parse(answer.text) as {
      errors: boolean;
      items: Record<string, { _id: string; status: number }>[];
    };
    expect(errors).toBe(true);
    expect(items).toHaveLength(700);
    for (const [at, item] of items.entries()) {
      const [action, { _id, status }] = Object.entries(item)[0]!;
      expect([action, _id, status]).toEqual(
        at % 100 === 50 ? ['create', 'move', 409] : ['index', `n${at}`, 201],
      );
    }
    await expectFresh('n699', 'number 699');
  });

  it('keeps 64-bit numbers', async () => {
    await raw(proxy.url, `/${index}/_doc/exact?refresh=true`, {
      method: 'PUT',
      body: '{"text":"a","big":9223372036854775807}',
    });
    const body = JSON.stringify({ query: { ids: { values: ['exact'] } } });
    expect((await raw(engine.url, `/${index}/_search`, { body })).text).toContain(
      '"big":9223372036854775807',
    );
  });

  it('indexes a document without text as it is', async () => {
    for (const body of ['{"n":1}', '{}', '{"text":""}']) {
      const answer = await raw(proxy.url, `/${index}/_doc/bare?refresh=true`, { method: 'PUT', body });
      expect(answer.status).toBeLessThan(300);
      expect(await stored('bare')).toEqual({ source: JSON.parse(body), states: undefined });
    }
  });

  it('indexes 5 MB of text', async () => {
    const text = 'A long glacier. '.repeat(330_000);
    const answer = await raw(proxy.url, `/${index}/_doc/long?refresh=true`, {
      method: 'PUT',
      body: JSON.stringify({ text }),
    });
    expect(answer.status).toBe(201);
    expect((await stored('long')).hash).toBe(contentHash(text));
  });

  it('leaves deletes to the cluster', async () => {
    const body = `{"update":{"_index":"${index}","_id":"volt"}}\n{"doc":{"n":1}}\n{"delete":{"_index":"${index}","_id":"bake"}}\n`;
    const { items } = JSON.parse(
      (await raw(proxy.url, '/_bulk?refresh=true', { body, headers: ndjson })).text,
    );
    expect(items.map((item: object) => Object.keys(item)[0])).toEqual(['update', 'delete']);
    expect((await raw(engine.url, `/${index}/_doc/bake`)).status).toBe(404);
  });

  /** The score of a document for its own vector, which tells whether the vector is the same. */
  async function vectorScore(id: string, of: string): Promise<number | null | undefined> {
    const { vector } = await proxy.server.services.model.encodeQuery(of);
    const search = proxy.engine.vectorSearch({ field: 'mice.vector', vector, k: 1000 });
    const { hits } = await proxy.engine.search(index, search);
    return hits.find((hit) => hit.id === id)?.score;
  }

  it('keeps vector and states over partial updates that leave the text alone, refreshed or not', async () => {
    const text = 'Moraines are left where the ice melts.';
    await raw(proxy.url, `/${index}/_doc/kept?refresh=true`, {
      method: 'PUT',
      body: JSON.stringify({ text }),
    });
    const { states } = await stored('kept');
    const score = await vectorScore('kept', 'moraine');
    expect(score).toBeGreaterThan(0);
    await proxy.server.services.cache.close();
    const { encodeDocuments } = proxy.server.services.model;
    const fail = () => Promise.reject(new Error('nothing is to be encoded'));
    Object.assign(proxy.server.services.model, { encodeDocuments: fail });
    const big = '{"doc":{"big":9223372036854775807}}';
    const single = await raw(proxy.url, `/${index}/_update/kept`, { body: big });
    expect(JSON.parse(single.text).result).toBe('updated');
    expect(JSON.parse((await raw(proxy.url, `/${index}/_update/kept`, { body: big })).text).result).toBe(
      'noop',
    );
    const lines = '{"update":{"_id":"kept"}}\n{"doc":{"n":1}}\n{"update":{"_id":"kept"}}\n{"doc":{"n":2}}\n';
    await raw(proxy.url, `/${index}/_bulk?refresh=true`, { body: lines, headers: ndjson });
    Object.assign(proxy.server.services.model, { encodeDocuments });
    expect((await stored('kept')).states).toEqual(states);
    expect((await stored('kept')).source).toMatchObject({ text, n: 2 });
    expect(await vectorScore('kept', 'moraine')).toBe(score);
  });

  it('gives a partial update that changes the text the states of the whole new text', async () => {
    await raw(proxy.url, `/${index}/_doc/part`, { method: 'PUT', body: '{"title":"Ice","text":"old"}' });
    await raw(proxy.url, `/${index}/_update/part?refresh=true`, { body: '{"doc":{"text":"new"}}' });
    await expectFresh('part', 'Ice\nnew');
  });

  it('makes a document by upsert and doc_as_upsert, and answers for one that is missing as the cluster does', async () => {
    const made = { doc: { text: 'made' }, doc_as_upsert: true };
    await raw(proxy.url, `/${index}/_update/made?refresh=true`, { body: JSON.stringify(made) });
    await expectFresh('made', 'made');
    const upsert = { doc: { n: 1 }, upsert: { text: 'made too' } };
    await raw(proxy.url, `/${index}/_update/made-too?refresh=true`, { body: JSON.stringify(upsert) });
    await expectFresh('made-too', 'made too');
    const missing = await raw(proxy.url, `/${index}/_update/missing`, { body: '{"doc":{"text":"x"}}' });
    expect(missing.status).toBe(404);
  });

  it('shows neither vector nor states in the answer to an update that asks for the source', async () => {
    await raw(proxy.url, `/${index}/_doc/shown`, { method: 'PUT', body: '{"text":"shown"}' });
    const body = '{"doc":{"n":1},"_source":true}';
    const answer = JSON.parse((await raw(proxy.url, `/${index}/_update/shown?_source=true`, { body })).text);
    expect(answer.get._source).toMatchObject({ text: 'shown', n: 1 });
    const shown = ['hash', 'model', 'splitting', 'tokens', 'truncated'];
    expect(Object.keys(answer.get._source.mice ?? {}).sort()).toEqual(shown);
    const lines = '{"update":{"_id":"shown"}}\n{"doc":{"n":2},"_source":true}\n';
    const bulk = await raw(proxy.url, `/${index}/_bulk`, { body: lines, headers: ndjson });
    const [{ update }] = JSON.parse(bulk.text).items;
    expect(update.get._source).toMatchObject({ n: 2 });
    expect(Object.keys(update.get._source.mice ?? {}).sort()).toEqual(shown);
  });

  if (engine.name === 'opensearch') {
    it('leaves a document that a script changed without states', async () => {
      await raw(proxy.url, `/${index}/_doc/scripted`, { method: 'PUT', body: '{"text":"before"}' });
      const script = { script: { source: 'ctx._source.text = "after"' } };
      await raw(proxy.url, `/${index}/_update/scripted?refresh=true`, { body: JSON.stringify(script) });
      expect(await stored('scripted')).toMatchObject({ source: { text: 'after' }, states: undefined });
    });

    it('copies by _reindex without half of our object', async () => {
      const dest = engine.freshIndex('copied');
      const body = { source: { index, query: { ids: { values: ['move'] } } }, dest: { index: dest } };
      await raw(proxy.url, '/_reindex?refresh=true', { body: JSON.stringify(body) });
      expect((await raw(engine.url, `/${dest}/_doc/move`)).status).toBe(200);
      expect((await raw(engine.url, `/${dest}/_mapping`)).text).not.toContain('mice');
    });
  }

  it('adds nothing to an index that was not set up, whose mapping would guess wrong', async () => {
    const other = engine.freshIndex('unprepared');
    await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(other), headers: ndjson });
    await raw(proxy.url, `/${other}/_doc/x?refresh=true`, { method: 'PUT', body: '{"text":"ice"}' });
    expect((await raw(engine.url, `/${other}/_mapping`)).text).not.toContain('mice');
  });

  it.each([
    ['a line that is not JSON', '{"index":{"_id":"1"}}\n{"text":\n'],
    ['an action that is not JSON', 'index\n{"text":"a"}\n'],
    ['an unknown action', '{"upsert":{"_id":"1"}}\n{"text":"a"}\n'],
    ['an action without a source', '{"index":{"_id":"1"}}\n'],
    ['a missing last line break', '{"index":{"_id":"1"}}\n{"text":"a"}'],
    ['an empty body', ''],
    ['binary junk', '\u0000\u0001\u0002\ufffd\n\u0003\n'],
    ['an unknown parameter of an action', '{"index":{"_id":"1","nonsense":true}}\n{"text":"a"}\n'],
    ['a document of another type', '{"index":{"_id":"1"}}\n[1,2]\n{"index":{"_id":"2"}}\n{"text":"a"}\n'],
  ])('answers malformed NDJSON exactly as the cluster does: %s', async (_, body) => {
    // Two indices set up alike, so that both answers tell of the same state.
    const [through, direct] = [engine.freshIndex('bad'), engine.freshIndex('bad')];
    for (const name of [through, direct]) await setupIndex(proxy.engine, name, fields());
    const expected = await raw(engine.url, `/${direct}/_bulk`, { method: 'POST', body, headers: ndjson });
    const answer = await raw(proxy.url, `/${through}/_bulk`, { method: 'POST', body, headers: ndjson });
    const comparable = ({ text }: { text: string }, name: string) =>
      text
        .replaceAll(name, 'INDEX')
        .replace(/"took":\d+/g, '"took":0')
        .replace(/"ingest_took":\d+,?/g, '')
        .replace(/"index_uuid":"[^"]*"/g, '');
    expect(answer.status).toBe(expected.status);
    expect(comparable(answer, through)).toBe(comparable(expected, direct));
  });

  it.each(['{"text":', '[1]', '', '\u0000'])(
    'answers a malformed document exactly as the cluster does: %j',
    async (body) => {
      const direct = await raw(engine.url, `/${index}/_doc/bad`, { method: 'PUT', body });
      const answer = await raw(proxy.url, `/${index}/_doc/bad`, { method: 'PUT', body });
      expect(answer.status).toBe(direct.status);
      expect(JSON.parse(answer.text).error?.type).toBe(JSON.parse(direct.text).error?.type);
    },
  );
});

describeOnEngines('setting up an index', (engine) => {
  const proxy = proxyBefore(engine);
  const fields = { object: 'mice', vectorDims: 384 };

  it('creates it, and finds nothing to do the second time', async () => {
    const index = engine.freshIndex('setup');
    const first = await setupIndex(proxy.engine, index, fields);
    expect(first.changes[0]).toMatchObject({ what: 'create index', name: index });
    const again = await setupIndex(proxy.engine, index, fields);
    expect(again.changes.filter(({ what }) => what !== 'put pipeline')).toEqual([]);
    expect(again.warnings).toEqual([]);
  });

  it('changes nothing on a dry run, and says what it would change', async () => {
    const index = engine.freshIndex('setup');
    const { changes } = await setupIndex(proxy.engine, index, { ...fields, dryRun: true });
    expect(changes[0]).toMatchObject({ what: 'create index' });
    expect(await proxy.engine.indexExists(index)).toBe(false);
  });

  it('refuses an index whose vectors have another length, and says what is needed', async () => {
    const index = engine.freshIndex('setup');
    await setupIndex(proxy.engine, index, { ...fields, vectorDims: 128 });
    await expect(setupIndex(proxy.engine, index, fields)).rejects.toMatchObject({
      code: 'index-mapping',
      message: expect.stringMatching(/mice\.vector with another dim/),
      hint: expect.stringMatching(/384/),
    });
  });

  it('completes an index that exists, or says why that cannot be', async () => {
    const index = engine.freshIndex('setup');
    await proxy.engine.createIndex(index, {
      settings: {},
      mappings: { properties: { text: { type: 'text' } } },
    });
    const setup = setupIndex(proxy.engine, index, fields);
    if (engine.name === 'opensearch')
      await expect(setup).rejects.toMatchObject({
        code: 'index-mapping',
        message: expect.stringMatching(/index\.knn/),
      });
    else {
      const { changes, warnings } = await setup;
      expect(changes[0]).toMatchObject({ what: 'extend mapping' });
      expect(warnings[0]).toMatch(/_source .* keeps mice\.vector/);
    }
  });

  it('makes an index template, whose indices get the fields from their first document on', async () => {
    const name = engine.freshIndex('templated');
    const pattern = `${name}-*`;
    const { changes } = await setupIndex(proxy.engine, pattern, fields);
    expect(changes[0]).toMatchObject({ what: 'put template', body: { index_patterns: [pattern] } });
    const again = await setupIndex(proxy.engine, pattern, fields);
    expect(again.changes.filter(({ what }) => what === 'put template')).toEqual([]);
    const first = await raw(proxy.url, `/${name}-1/_doc/1?refresh=true`, {
      method: 'PUT',
      body: '{"text":"ice"}',
    });
    expect(first.status).toBe(201);
    const body = JSON.stringify({ query: { exists: { field: 'mice.states' } } });
    expect(JSON.parse((await raw(engine.url, `/${name}-1/_search`, { body })).text).hits.hits).toHaveLength(
      1,
    );
  });

  it('completes every index behind an alias', async () => {
    const alias = engine.freshIndex('alias');
    const indices = [engine.freshIndex('behind'), engine.freshIndex('behind')];
    const { settings } = proxy.engine.indexBody(fields);
    for (const index of indices) await proxy.engine.createIndex(index, { settings, mappings: {} });
    const actions = indices.map((index) => ({ add: { index, alias } }));
    await raw(engine.url, '/_aliases', { body: JSON.stringify({ actions }) });
    const { changes } = await setupIndex(proxy.engine, alias, fields);
    const extended = changes.filter(({ what }) => what === 'extend mapping').map(({ name }) => name);
    expect(extended.sort()).toEqual(indices.sort());
  });
});
