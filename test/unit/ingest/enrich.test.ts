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
