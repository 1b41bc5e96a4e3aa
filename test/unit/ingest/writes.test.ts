import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/config/options.ts';
import { loadSettings } from '../../../src/config/settings.ts';
import { MiceError } from '../../../src/errors.ts';
import type { Model } from '../../../src/model/model.ts';
import { type RunningServer, startServer } from '../../../src/proxy/server.ts';
import { checkStates } from '../../../src/states/check.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { type FakeEngine, startFakeEngine } from '../../support/fake-engine.ts';
import { type RawRequest, raw } from '../../support/proxy.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

let engine: FakeEngine;
let server: RunningServer;
let encoded: string[];

let encodeDocuments: Model['encodeDocuments'];

beforeAll(async () => {
  engine = await startFakeEngine(['ready']);
  server = await startServer(
    loadSettings({
      given: {
        upstreamUrl: engine.url,
        listenPort: 0,
        logLevel: 'silent',
        modelThreads: 1,
        modelBundle: tinyBundle,
      },
    }),
  );
  encodeDocuments = server.services.model.encodeDocuments;
}, 120_000);
afterAll(async () => {
  await server.close();
  await engine.close();
});

beforeEach(async () => {
  engine.reset();
  await server.services.cache.close();
  set({ ingestFailure: 'index', bodyLimitMb: 100 });
  encoded = [];
  Object.assign(server.services.model, {
    encodeDocuments(texts: readonly string[], how: object) {
      encoded.push(...texts);
      return encodeDocuments(texts, how);
    },
  });
});

function set(settings: Partial<Settings>): void {
  Object.assign(server.services.settings, settings);
}

/** From now on the model refuses texts that hold `word`. */
function refuse(word: string): void {
  Object.assign(server.services.model, {
    encodeDocuments(texts: readonly string[], how: object) {
      if (!texts.some((text) => text.includes(word))) return encodeDocuments(texts, how);
      return Promise.reject(new MiceError('model-overloaded', 'The queue of the model is full.'));
    },
  });
}

const send = async (path: string, body: unknown, how: RawRequest = {}) => {
  const { text, ...answer } = await raw(server.url, path, { body: JSON.stringify(body), ...how });
  return { ...answer, json: JSON.parse(text) };
};
const bulk = async (lines: readonly unknown[], how: RawRequest = {}) => {
  const body = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
  const { text, status } = await raw(server.url, '/ready/_bulk', { method: 'POST', body, ...how });
  return { status, ...JSON.parse(text) };
};

/** What the document's states are to its text: `fresh`, `stale`, `missing`. */
function standing(id: string, text: string, index = 'ready'): string {
  const { states, source, vector } = engine.document(index, id)!;
  if (states === undefined) return 'missing';
  const check = checkStates(Buffer.from(states, 'base64'), { bundleId: server.services.model.bundle.id });
  if (check.kind !== 'ok') return check.kind;
  const { hash, model } = source['mice'] as Record<string, unknown>;
  expect({ hash, model, vector: vector?.length }).toEqual({
    hash: check.header.hash,
    model: server.services.model.bundle.model,
    vector: server.services.model.bundle.dims.vector,
  });
  return hash === contentHash(text) ? 'fresh' : 'stale';
}

describe('a document whose text has states already', () => {
  it('is not encoded again, whichever way it comes', async () => {
    await send('/ready/_doc/1', { text: 'ice moves' }, { method: 'PUT' });
    await send('/ready/_doc/2', { text: 'ice moves', n: 1 }, { method: 'PUT' });
    await bulk([{ index: { _id: '3' } }, { text: 'ice moves', n: 2 }]);
    expect(encoded).toEqual(['ice moves']);
    for (const id of ['1', '2', '3']) expect(standing(id, 'ice moves')).toBe('fresh');
  });

  it('is not encoded again by another process: the states are found in the index', async () => {
    engine.put('ready', 'old', {});
    await send('/ready/_doc/1', { text: 'ice moves' }, { method: 'PUT' });
    const before = engine.document('ready', '1')!;
    await server.services.cache.close();
    await send('/ready/_doc/1', { text: 'ice moves', n: 1 }, { method: 'PUT' });
    const after = engine.document('ready', '1')!;
    expect(encoded).toHaveLength(1);
    expect(after.states).toBe(before.states);
    expect(after.vector).toEqual(before.vector);
  });
});

describe('a partial update', () => {
  beforeEach(async () => {
    await send('/ready/_doc/1', { title: 'a', text: 'ice moves' }, { method: 'PUT' });
  });

  it('that leaves the text alone keeps vector and states, and computes nothing', async () => {
    const before = engine.document('ready', '1')!;
    const { vector, states } = before;
    expect((await send('/ready/_update/1', { doc: { n: 9 } })).json.result).toBe('updated');
    await bulk([{ update: { _id: '1' } }, { doc: { m: 8 } }]);
    expect(encoded).toHaveLength(1);
    expect(engine.document('ready', '1')).toMatchObject({
      vector,
      states,
      source: { n: 9, m: 8, text: 'ice moves' },
    });
  });

  it('that changes the text gives it the states of the whole new text', async () => {
    await send('/ready/_update/1', { doc: { text: 'ice slides' } });
    expect(standing('1', 'a\nice slides')).toBe('fresh');
  });

  it('that changes nothing stays a noop', async () => {
    expect((await send('/ready/_update/1', { doc: { text: 'ice moves' } })).json.result).toBe('noop');
    expect(standing('1', 'a\nice moves')).toBe('fresh');
  });

  it('that takes the text away takes the states too', async () => {
    await send('/ready/_update/1', { doc: { text: '', title: '' } });
    expect(engine.document('ready', '1')).toMatchObject({ states: undefined, source: { mice: null } });
  });

  it('sees what the same bulk request wrote before', async () => {
    await bulk([
      { index: { _id: '2' } },
      { title: 'b', text: 'old' },
      { update: { _id: '2' } },
      { doc: { text: 'new' } },
      { update: { _id: '2' } },
      { doc: { n: 1 } },
      { delete: { _id: '1' } },
      { update: { _id: '1' } },
      { doc: { text: 'again' }, doc_as_upsert: true },
    ]);
    expect(standing('2', 'b\nnew')).toBe('fresh');
    expect(standing('1', 'again')).toBe('fresh');
  });

  it('makes a document from doc_as_upsert or upsert when there is none', async () => {
    await send('/ready/_update/3', { doc: { text: 'made' }, doc_as_upsert: true });
    await bulk([{ update: { _id: '4' } }, { doc: { n: 1 }, upsert: { text: 'made too' } }]);
    await bulk([{ update: { _id: '5' } }, { script: { source: 'x' }, upsert: { text: 'by script' } }]);
    expect(standing('3', 'made')).toBe('fresh');
    expect(standing('4', 'made too')).toBe('fresh');
    expect(standing('5', 'by script')).toBe('fresh');
  });

  it('of a missing document is answered by the cluster', async () => {
    expect((await send('/ready/_update/9', { doc: { text: 'x' } })).status).toBe(404);
    expect(engine.document('ready', '9')).toBeUndefined();
  });

  it('by script leaves no states, whose absence can be seen', async () => {
    await send('/ready/_update/1', { script: { source: 'ctx._source.text = "other"' } });
    expect(standing('1', 'other')).toBe('missing');
  });

  it('whose caller may not read goes on without states', async () => {
    engine.intercept = ({ path }) =>
      path.startsWith('/_mget') ? { status: 403, body: { error: 'no' } } : undefined;
    expect((await send('/ready/_update/1', { doc: { text: 'x' } })).status).toBe(200);
    expect(standing('1', 'a\nx')).toBe('missing');
  });

  it('asks for the source without vector and states where it is asked for at all', async () => {
    await send('/ready/_update/1?_source=true', { doc: { n: 1 }, _source: ['text'] });
    await bulk([{ update: { _id: '1', _source: true } }, { doc: { n: 2 }, _source: { includes: ['n'] } }]);
    const [single, lines] = engine.requests.filter(({ path }) => /_update|_bulk/.test(path)).slice(-2);
    const excludes = ['mice.vector', 'mice.states', 'mice.passages'];
    expect(single!.path).toBe(
      '/ready/_update/1?_source=true&_source_excludes=mice.vector%2Cmice.states%2Cmice.passages',
    );
    expect(JSON.parse(single!.body)._source).toEqual({ includes: ['text'], excludes });
    const [action, body] = lines!.body.split('\n').map((line) => line && JSON.parse(line));
    expect(action.update._source).toEqual({ excludes });
    expect(body._source).toEqual({ includes: ['n'], excludes });
  });

  it('asks so for each item of a bulk request whose URL asks, but not where a script may delete the document', async () => {
    const script = { script: { source: "ctx.op = 'delete'" }, upsert: { text: 'made' } };
    const body = [{ update: { _id: '1' } }, { doc: { n: 1 } }, { update: { _id: '1' } }, script];
    const sent = body.map((line) => `${JSON.stringify(line)}\n`).join('');
    await raw(server.url, '/ready/_bulk?_source_includes=n,text', { body: sent });
    const { path, body: arrived } = engine.requests.findLast((request) => request.path.includes('_bulk'))!;
    expect(path).toBe('/ready/_bulk?_source_includes=n,text');
    const [, doc, , scripted] = arrived.split('\n').map((line) => line && JSON.parse(line));
    expect(doc._source).toEqual({
      includes: ['n', 'text'],
      excludes: ['mice.vector', 'mice.states', 'mice.passages'],
    });
    expect(scripted).toEqual(script);
  });

  it('leaves a list beside the id to the cluster, which refuses it', async () => {
    await bulk([{ update: { _id: '1', _source: ['n'] } }, { doc: { n: 2 } }]);
    const lines = engine.requests.findLast(({ path }) => path.includes('_bulk'))!;
    expect(lines.body).toContain('"_source":["n"]');
  });
});

describe('a bulk request', () => {
  it('may be gzipped, of all four actions, with numbers of any length', async () => {
    const body = gzipSync(
      '{"index":{"_id":"1"}}\n{"text":"ice","big":9223372036854775807}\n{"create":{"_id":9007199254740993}}\n{"text":"b"}\n{"update":{"_id":"1"}}\n{"doc":{"n":1.0}}\n{"delete":{"_id":"1"}}\n',
    );
    const answer = await bulk([], { body, headers: { 'content-encoding': 'gzip' } });
    expect(answer.items.map((item: object) => Object.keys(item)[0])).toEqual([
      'index',
      'create',
      'update',
      'delete',
    ]);
    const sent = engine.requests.find(({ path }) => path === '/ready/_bulk')!.body;
    expect(sent).toContain('"big":9223372036854775807');
    expect(sent).toContain('{"create":{"_id":9007199254740993}}');
  });

  it('passes a line over the limit and all that follows unread', async () => {
    set({ bodyLimitMb: 1 });
    const long = `{"text":"${'x'.repeat(1_100_000)}"}`;
    await bulk([
      { index: { _id: '1' } },
      { text: 'a' },
      { index: { _id: '2' } },
      long,
      { index: { _id: '3' } },
      { text: 'b' },
    ]);
    expect(standing('1', 'a')).toBe('fresh');
    expect(standing('2', 'x')).toBe('missing');
    expect(standing('3', 'b')).toBe('missing');
  });
});

describe('when the queue of the model is full', () => {
  const lines = [
    { index: { _id: '1' } },
    { text: 'known' },
    { index: { _id: '2' } },
    { text: 'unlucky' },
    { delete: { _id: '7' } },
    { create: { _id: '3' } },
    { n: 1 },
    { index: {} },
    { text: 'unlucky too' },
  ];
  const failing = async (ingestFailure: Settings['ingestFailure']) => {
    set({ ingestFailure });
    await send('/ready/_doc/0', { text: 'known' }, { method: 'PUT' });
    refuse('unlucky');
  };

  it('documents are written without states by default', async () => {
    await failing('index');
    const { errors, items } = await bulk(lines);
    expect([errors, items.length]).toEqual([false, 5]);
    expect(standing('1', 'known')).toBe('fresh');
    expect(standing('2', 'unlucky')).toBe('missing');
    expect((await send('/ready/_doc/5', { text: 'unlucky' }, { method: 'PUT' })).status).toBe(201);
  });

  it('the request is refused with 429 when it is so set, and nothing is written', async () => {
    await failing('reject');
    const answer = await bulk(lines);
    expect(answer).toMatchObject({ status: 429, error: { type: 'mice_ingest_refused' } });
    expect(engine.document('ready', '1')).toBeUndefined();
    const single = await send('/ready/_doc/5', { text: 'unlucky' }, { method: 'PUT' });
    expect(single.status).toBe(429);
    expect((await send('/ready/_update/0', { doc: { text: 'unlucky' } })).status).toBe(429);
  });

  it('the items are refused in their places when it is so set, and the others written', async () => {
    await failing('item');
    const { status, errors, items } = await bulk(lines);
    expect([status, errors]).toEqual([200, true]);
    expect(
      items.flatMap((item: Record<string, { _id: string; status: number }>) =>
        Object.entries(item).map(([name, { _id, status: one }]) => [name, _id, one]),
      ),
    ).toEqual([
      ['index', '1', 201],
      ['index', '2', 429],
      ['delete', '7', 404],
      ['create', '3', 201],
      ['index', null, 429],
    ]);
    expect(items[1].index.error.type).toBe('mice_ingest_refused');
    expect(engine.document('ready', '2')).toBeUndefined();
  });

  it('a request of refused items alone is answered without the cluster', async () => {
    await failing('item');
    const { errors, items } = await bulk([{ index: { _id: 'x' } }, { text: 'unlucky' }]);
    expect([errors, items[0].index.status]).toEqual([true, 429]);
    expect(engine.requests.some(({ path }) => path.endsWith('_bulk'))).toBe(false);
  });

  it('an answer that is asked for in part takes in no items: they are written without states', async () => {
    await failing('item');
    const body = '{"index":{"_id":"2"}}\n{"text":"unlucky"}\n';
    await raw(server.url, '/ready/_bulk?filter_path=errors', { method: 'POST', body });
    expect(standing('2', 'unlucky')).toBe('missing');
  });

  it('items late in a long request are refused one by one, as the first are on their way', async () => {
    await failing('reject');
    const many = Array.from({ length: 700 }, (_, at) => [
      { index: { _id: `n${at}` } },
      at === 650 ? { text: 'unlucky' } : { n: at },
    ]).flat();
    const { status, errors, items } = await bulk(many);
    expect([status, errors, items.length]).toEqual([200, true, 700]);
    const refused = items.flatMap((item: { index: { status: number } }, at: number) =>
      item.index.status === 429 ? [at] : [],
    );
    expect(refused).toEqual([650]);
  });
});

describe('_reindex', () => {
  it.each([
    ['{"source":{"index":"ready"},"dest":{"index":"b"}}', { excludes: ['mice'] }],
    [
      '{"source":{"index":"ready","_source":["a","mice*"]}}',
      { includes: ['a', 'mice*'], excludes: ['mice'] },
    ],
    ['{"source":{"index":"ready","_source":{"excludes":"x"}}}', { excludes: ['x', 'mice'] }],
    ['{"source":{"index":"ready","_source":false}}', false],
    ['{"source":{"remote":{"host":"http://o"},"index":"ready"}}', undefined],
  ])('leaves our object behind: %s', async (body, filter) => {
    await raw(server.url, '/_reindex', { body });
    const sent = engine.requests.find(({ path }) => path === '/_reindex')!;
    expect(JSON.parse(sent.body).source._source).toEqual(filter);
  });
});

describe('any writes through the proxy', () => {
  const text = fc.constantFrom('ice', 'rock', 'melt water', '');
  const source = fc.record({ text, n: fc.integer({ min: 0, max: 2 }) }, { requiredKeys: [] });
  const body = fc.oneof(
    fc.record({ doc: source }),
    fc.record({ doc: source, doc_as_upsert: fc.boolean() }),
    fc.record({ doc: source, upsert: source }),
    fc.record({ doc: source, upsert: source, doc_as_upsert: fc.constant(true) }),
    fc.record({ script: fc.constant({ source: 'x' }), upsert: source }, { requiredKeys: ['script'] }),
    fc.record({ doc: source, detect_noop: fc.constant(false) }),
  );
  const id = fc.constantFrom('a', 'b', 'c');
  const operation = fc.oneof(
    fc.tuple(fc.constantFrom('index', 'create'), id, source),
    fc.tuple(fc.constant('update'), id, body),
    fc.tuple(fc.constant('delete'), id, fc.constant(undefined)),
  );
  const requests = fc.array(fc.array(operation, { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 8,
  });

  /** Items of the answer without what tells the two indices apart. */
  async function answers(url: string, index: string, lines: readonly unknown[]): Promise<unknown> {
    const sent = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const { text: answer } = await raw(url, `/${index}/_bulk`, { body: sent });
    return JSON.parse(answer.replaceAll(index, 'INDEX')).items;
  }

  const withoutOurs = (index: string) =>
    [...(engine.indices.get(index)?.values() ?? [])]
      .map(({ id: name, source: { mice: _, ...rest } }) => [name, rest])
      .sort();

  it('are answered, and end, as direct ones do, but for our object; and no states are of another text', async () => {
    await fc.assert(
      fc.asyncProperty(requests, async (all) => {
        engine.reset();
        for (const operations of all) {
          const lines = operations.flatMap(([action, _id, content]): readonly unknown[] =>
            content === undefined ? [{ [action]: { _id } }] : [{ [action]: { _id } }, content],
          );
          const direct = await answers(engine.url, 'direct', lines);
          expect(await answers(server.url, 'ready', lines)).toEqual(direct);
        }
        expect(withoutOurs('ready')).toEqual(withoutOurs('direct'));
        for (const { id: name, source: stored } of engine.indices.get('ready')!.values()) {
          const now = String(stored['text'] ?? '');
          const scripted = stored['scripted'] === true;
          const allowed = now === '' ? ['missing'] : scripted ? ['missing', 'fresh'] : ['fresh'];
          expect(allowed, JSON.stringify(stored)).toContain(standing(name, now));
        }
      }),
      { numRuns: 100 },
    );
  });
});
