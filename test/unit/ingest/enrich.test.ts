import { beforeAll, describe, expect, it } from 'vitest';
import { type EnrichNeeds, enrichWrites } from '../../../src/ingest/enrich.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import type { Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { openMemoryCache } from '../../../src/states/cache.ts';
import { checkStates } from '../../../src/states/check.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

describe('an enriched document', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(tinyBundle, { threads: 1 });
    return () => model.close();
  }, 120_000);

  const faults: unknown[] = [];
  const needs = (over: Partial<EnrichNeeds> = {}): EnrichNeeds => ({
    model,
    selectionOf: () => plainSelection(['title', 'text']),
    object: 'mice',
    signal: new AbortController().signal,
    keeper: openMemoryCache(1e7),
    ask: async () => undefined,
    askBytes: async () => undefined,
    onFailure: 'index',
    onStates: () => {},
    onFault: (error) => faults.push(error),
    ...over,
  });
  const enrich = async (source: string, over?: Partial<EnrichNeeds>) =>
    String(
      (
        (await enrichWrites(
          [{ action: 'index', index: 'i', id: '1', routing: undefined, body: Buffer.from(source) }],
          needs(over),
        )) as unknown as [{ body: Buffer }]
      )[0].body,
    );

  it('keeps its own bytes and gains vector, states, model and hash', async () => {
    const source = '{ "id": 9007199254740993, "text": "ice\\u0020moves" }';
    const enriched = await enrich(source);
    expect(enriched.startsWith('{ "id": 9007199254740993, "text": "ice\\u0020moves" ,"mice":{')).toBe(true);
    const { mice } = JSON.parse(enriched);
    expect(mice.model).toBe(model.bundle.model);
    expect(mice.hash).toBe(contentHash('ice moves'));
    expect(mice.vector).toHaveLength(model.bundle.dims.vector);
    const states = checkStates(Buffer.from(mice.states, 'base64'), { bundleId: model.bundle.id });
    expect(states).toMatchObject({ kind: 'ok', header: { hash: mice.hash } });
  });

  it('that is long says how it was read, and has the vector of each passage where that is wanted', async () => {
    const split = await openModel(tinyBundle, { threads: 1, passages: { tokens: 0, overlap: 0, most: 3 } });
    const source = JSON.stringify({ text: 'Ice moves slowly down the valley. '.repeat(40) });
    const long = JSON.parse(await enrich(source, { model: split })).mice;
    expect(long).toMatchObject({ truncated: true, splitting: [64, 0, 3, 1] });
    expect(long).not.toHaveProperty('passages');
    expect(Math.hypot(...long.vector)).toBeCloseTo(1, 3);
    const nested = JSON.parse(await enrich(source, { model: split, passageVectors: true })).mice;
    expect(nested).toMatchObject({ vector: long.vector, states: long.states });
    expect(nested.passages).toHaveLength(3);
    const short = JSON.parse(await enrich('{"text":"ice"}', { model: split, passageVectors: true })).mice;
    expect(short).toMatchObject({ truncated: false, splitting: [], passages: [{ vector: short.vector }] });
    await split.close();
  });

  it('is encoded anew where the states that are kept are of other passages', async () => {
    const text = 'Ice moves slowly down the valley. '.repeat(40);
    const keeper = openMemoryCache(1e7);
    await enrich(JSON.stringify({ text }), { keeper });
    const kept = keeper.get(contentHash(text))!;
    const split = await openModel(tinyBundle, { threads: 1, passages: { tokens: 0, overlap: 0, most: 3 } });
    const ask = async () => ({
      hits: { hits: [{ fields: { 'mice.states': [Buffer.from(kept).toString('base64')] } }] },
    });
    const none = { model: split, ask, keeper: openMemoryCache(1e7) };
    expect(JSON.parse(await enrich(JSON.stringify({ text }), none)).mice.splitting).toEqual([64, 0, 3, 1]);
    await split.close();
  });

  it('loses an object of ours that was copied from another document', async () => {
    const enriched = await enrich('{"mice":{"hash":"old"},"text":"ice"}');
    expect(enriched.match(/"mice"/g)).toHaveLength(1);
    expect(JSON.parse(enriched).mice.hash).toBe(contentHash('ice'));
    expect(await enrich('{"mice":{"hash":"old"},"n":1}')).toBe('{"n":1}');
  });

  it('stays as it came when a key comes twice: the engines refuse it', async () => {
    const source = '{"mice":{"hash":"old"},"text":"ice","mice":1}';
    expect(await enrich(source)).toBe(source);
  });

  it.each(['{"n":1}', '{}', '[1]', '"x"', '{"a":', '\u0000', ''])(
    'is the document itself when it has no text: %j',
    async (source) => {
      expect(await enrich(source)).toBe(source);
    },
  );

  it('reads only so much of 5 MB as the bundle takes', async () => {
    const text = 'ice '.repeat(1_250_000);
    const { mice } = JSON.parse(await enrich(JSON.stringify({ text })));
    expect(mice.hash).toBe(contentHash(text));
    expect(checkStates(Buffer.from(mice.states, 'base64'), { bundleId: model.bundle.id })).toMatchObject({
      header: { tokens: model.bundle.limits.documentTokens },
    });
  });

  it('goes on without states when encoding fails', async () => {
    const signal = AbortSignal.abort();
    expect(await enrich('{"text":"ice"}', { signal })).toBe('{"text":"ice"}');
    expect(faults).toHaveLength(1);
  });
});
