import { beforeAll, describe, expect, it } from 'vitest';
import { type EnrichNeeds, enrichDocuments } from '../../../src/ingest/enrich.ts';
import { selectText } from '../../../src/ingest/text.ts';
import { defaultBundleDirectory } from '../../../src/model/bundle.ts';
import type { Model } from '../../../src/model/model.ts';
import { openModel } from '../../../src/model/runtime.ts';
import { checkStates } from '../../../src/states/check.ts';
import { contentHash } from '../../../src/states/hash.ts';

const fields = ['title', 'text'];

describe('the text of a document', () => {
  it.each<[string, unknown, string]>([
    ['fields in their order', { text: 'b', title: 'a' }, 'a\nb'],
    ['arrays in theirs', { text: ['a', 'b', ['c']] }, 'a\nb\nc'],
    ['nothing from numbers, objects and absent fields', { title: 3, text: { a: 'x' } }, ''],
    ['nothing from blank texts', { title: '  ', text: 'a' }, 'a'],
    ['nothing from what is no object', 'text', ''],
    ['nothing from inherited names', JSON.parse('{"__proto__":{"text":"x"}}'), ''],
  ])('%s', (_, source, text) => {
    expect(selectText(source, fields)).toBe(text);
  });

  it('reaches into objects and arrays by dotted names, and knows keys that hold the dot', () => {
    expect(selectText({ a: [{ b: 'x' }, { b: 'y' }] }, ['a.b'])).toBe('x\ny');
    expect(selectText({ 'a.b': 'z' }, ['a.b'])).toBe('z');
  });
});

describe('an enriched document', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openModel(defaultBundleDirectory(), { threads: 1 });
    return () => model.close();
  });

  const faults: unknown[] = [];
  const needs = (over: Partial<EnrichNeeds> = {}): EnrichNeeds => ({
    model,
    textFields: fields,
    object: 'mice',
    signal: new AbortController().signal,
    onEncoded: () => {},
    onFault: (error) => faults.push(error),
    ...over,
  });
  const enrich = async (source: string, over?: Partial<EnrichNeeds>) =>
    (await enrichDocuments([Buffer.from(source)], needs(over)))[0]!.toString();

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
    const enriched = await enrich('{"mice":{"hash":"old"},"text":"ice","mice":1}');
    expect(enriched.match(/"mice"/g)).toHaveLength(1);
    expect(JSON.parse(enriched).mice.hash).toBe(contentHash('ice'));
    expect(await enrich('{"mice":{"hash":"old"},"n":1}')).toBe('{"n":1}');
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
