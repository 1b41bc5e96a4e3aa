import { beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/port.ts';
import { plainSelection, selectText } from '../../src/ingest/text.ts';
import { checkStates } from '../../src/states/check.ts';
import { contentHash } from '../../src/states/hash.ts';
import { describeOnEngines } from '../support/engines.ts';
import { proxyBefore, raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';
import { type WriteRequest, writeRequests } from '../support/write-operations.ts';

/** A part of them in every run; `MICE_DIFFERENTIAL=10000` for all. The seed of a failure is in its message. */
const OPERATIONS = Number(process.env['MICE_DIFFERENTIAL'] ?? 600);
const SEED = Number(process.env['MICE_DIFFERENTIAL_SEED'] ?? Date.now() % 1e6);
const MINUTES = 60_000;
const TEXT_FIELDS = ['title', 'heading', 'name', 'text', 'body', 'content', 'description'];

describeOnEngines('the same writes through the proxy and directly', (engine) => {
  const proxy = proxyBefore(engine, { modelBundle: tinyBundle, modelThreads: 1 });
  const through = { url: '', index: engine.freshIndex('through') };
  const direct = { url: '', index: engine.freshIndex('direct_') };
  type Way = typeof through;

  beforeAll(async () => {
    Object.assign(through, { url: proxy.url });
    Object.assign(direct, { url: engine.url });
    for (const { index } of [through, direct]) await prepared(proxy.engine, index);
  });

  it(
    `leave indices that differ in our object only, and are answered alike (${OPERATIONS} operations, seed ${SEED})`,
    async () => {
      const lastChange = new Map<string, string>();
      const doubtful = new Set<string>();
      for (const [at, request] of writeRequests(OPERATIONS, SEED).entries()) {
        const expected = await answer(direct, request, lastChange);
        const given = await answer(through, request, lastChange);
        expect(
          [given.status, given.comparable],
          `request ${at} of seed ${SEED}: ${JSON.stringify(request)}`,
        ).toEqual([expected.status, expected.comparable]);
        noteChanges(expected.text, lastChange);
        noteDoubts(given.text, request, doubtful);
      }
      const [ours, theirs] = [await documents(through, engine.url), await documents(direct, engine.url)];
      expect(ours.comparable).toEqual(theirs.comparable);
      const unlike = standings(ours.stored, proxy.server.services.model.bundle.id).filter(
        ({ standing }) => standing !== 'fresh',
      );
      expect(unlike.filter(({ id }) => !doubtful.has(id))).toEqual([]);
    },
    30 * MINUTES,
  );

  /** Numbers of versions grow alike in both, so they are part of what is compared. */
  async function answer(way: Way, { method, path, body }: WriteRequest, lastChange: Map<string, string>) {
    const named = (template: string) =>
      template
        .replaceAll('INDEX', way.index)
        .replaceAll('ALIAS', `${way.index}-alias`)
        .replace(
          /SEQ(?:\[|%5B)(.*?)(?:\]|%5D)/g,
          (_, id: string) => lastChange.get(id) ?? lastChange.get(decoded(id)) ?? '0',
        );
    const { status, text } = await raw(way.url, named(path), {
      method,
      ...(body !== undefined && { body: named(body) }),
    });
    return { status, text, comparable: comparable(text, way.index) };
  }
});

async function prepared(engine: Engine, index: string): Promise<void> {
  const body = engine.indexBody({ object: 'mice', vectorDims: 32 });
  const mappings = body.mappings as { properties: object };
  const properties = {
    ...mappings.properties,
    ...{ text: { type: 'text' }, title: { type: 'text' }, n: { type: 'integer' } },
    ...{ raw: { type: 'object', enabled: false }, tags: { type: 'keyword' } },
  };
  await engine.createIndex(index, { ...body, mappings: { ...mappings, properties } });
  const actions = [{ add: { index, alias: `${index}-alias` } }];
  await engine.ask({ method: 'POST', path: '/_aliases', body: { actions } });
}

function decoded(parameter: string): string {
  return new URLSearchParams(`id=${parameter}`).get('id')!;
}

/** What may differ: time, what tells the indices apart, and our object. */
const OURS: readonly string[] = ['took', 'ingest_took', 'index_uuid', 'mice'];

/**
 * JSON with numbers as they are written and members sorted: the engines merge a partial document into a map, whose
 * order depends on how many members there are. Ids that the cluster gave, and what a fault tells of the bytes it met, become the same.
 */
function comparable(text: string, index: string): unknown {
  const same = text
    .replaceAll(index, 'INDEX')
    .replace(/"_id":"[\w-]{20}"/g, '"_id":"AUTO"')
    .replace(/with id '[\w-]{20}'/g, "with id 'AUTO'")
    .replace(/\[Source: .*?; line: 1, column: \d+\]|\[\d+:\d+\]|\bat \d+:\d+|\bcolumn: \d+/g, 'at');
  return JSON.parse(same, exact as (key: string, value: unknown) => unknown);
}

function exact(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value === 'number') return `number ${source}`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const theirs = Object.entries(value).filter(([name]) => !OURS.includes(name));
  return Object.fromEntries(theirs.sort(([one], [other]) => (one < other ? -1 : 1)));
}

function noteChanges(answer: string, lastChange: Map<string, string>): void {
  const { items = [{ single: JSON.parse(answer) }] } = JSON.parse(answer);
  for (const item of items) {
    const [{ _id, _seq_no }] = Object.values(item) as [{ _id?: string; _seq_no?: number }];
    if (_id !== undefined && _seq_no !== undefined) lastChange.set(_id, String(_seq_no));
  }
}

/**
 * Documents that may have no fresh states from now on: a script changed them, or the cluster refused an item on which
 * a later one of the same request builds. What happens to one of the same id in the other index (`INDEX-absent`), which
 * is not compared, tells nothing of them.
 */
function noteDoubts(answer: string, { body }: WriteRequest, doubtful: Set<string>): void {
  const parsed = JSON.parse(answer);
  const items = parsed.items ?? (parsed._id === undefined ? [] : [{ single: { ...parsed, status: 200 } }]);
  const outcomes = (items as Record<string, Outcome>[])
    .flatMap(Object.entries<Outcome>)
    .filter(([, { _index }]) => !_index.endsWith('-absent'));
  const refused = outcomes.filter(([, { status }]) => status >= 400);
  for (const [action, { _id }] of outcomes) if (['index', 'create'].includes(action)) doubtful.delete(_id);
  for (const [, { _id }] of body?.includes('"script"') ? outcomes : refused) doubtful.add(_id);
}

interface Outcome {
  readonly _index: string;
  readonly _id: string;
  readonly status: number;
}

interface Stored {
  readonly _id: string;
  readonly _seq_no: number;
  readonly _source: Readonly<Record<string, unknown>> & { readonly mice?: { readonly hash?: string } | null };
  readonly fields?: { readonly 'mice.states'?: readonly [string] };
}

/** Every document, in the order of their last changes; as it is, and as what must be the same in both. */
async function documents({ index }: { index: string }, url: string) {
  const sort = [{ _seq_no: 'asc' }];
  const docvalue_fields = ['mice.states'];
  const body = JSON.stringify({
    size: 10_000,
    version: true,
    seq_no_primary_term: true,
    sort,
    docvalue_fields,
  });
  await raw(url, `/${index}/_refresh`, { method: 'POST' });
  const { text } = await raw(url, `/${index}/_search`, { body });
  const same = comparable(text, index) as { hits: { hits: { fields?: unknown; sort: unknown }[] } };
  return {
    stored: JSON.parse(text).hits.hits as readonly Stored[],
    comparable: same.hits.hits.map(({ fields: _, ...hit }) => hit),
  };
}

/** What a document's states are to its text, of those that have either. */
function standings(stored: readonly Stored[], bundleId: string) {
  return stored.flatMap(({ _id: id, _source, fields }) => {
    const text = selectText(_source, plainSelection(TEXT_FIELDS));
    const states = fields?.['mice.states']?.[0];
    if (states === undefined) return text === '' ? [] : [{ id, standing: 'missing' }];
    const hash = _source.mice?.hash;
    expect(checkStates(Buffer.from(states, 'base64'), { bundleId })).toMatchObject({
      kind: 'ok',
      header: { hash },
    });
    return [{ id, standing: hash === contentHash(text) ? 'fresh' : 'stale' }];
  });
}
