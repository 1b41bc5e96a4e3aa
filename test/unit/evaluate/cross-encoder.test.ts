import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { rescoreThrough } from '../../../src/evaluate/cross-encoder.ts';
import { json, serve } from './server.ts';

interface Asked {
  readonly query: string;
  readonly documents: readonly string[];
  readonly model: string;
  readonly first_stage: boolean;
  readonly first_rank?: number;
}

/** Stands in for the route: a text is its own score, and results are sorted as the route sorts them. */
function scoreTexts(response: ServerResponse, body: string): void {
  const { documents } = JSON.parse(body) as Asked;
  const results = documents
    .map((text, index) => ({ index, relevance_score: Number(text) }))
    .sort((a, b) => b.relevance_score - a.relevance_score);
  json({ model: 'm@1', results })(response);
}

const candidatesOf = (texts: readonly string[]) => texts.map((text, at) => ({ id: `d${at}`, text }));
const askedOf = ({ body }: { readonly body: string }) => JSON.parse(body) as Asked;

describe('the order of the cross-encoder', () => {
  test('is asked for the texts in the first stage’s order, with its ranks', async () => {
    const { url, seen } = await serve(scoreTexts);
    const rescore = rescoreThrough(url, { authorization: 'x' });
    expect(await rescore('deep sea', candidatesOf(['0.5', '0.25', '2']))).toEqual(['d2', 'd0', 'd1']);
    expect(seen[0]).toMatchObject({ path: '/_mice/v1/rerank', headers: { authorization: 'x' } });
    expect(askedOf(seen[0]!)).toEqual({
      model: 'cross-encoder',
      query: 'deep sea',
      documents: ['0.5', '0.25', '2'],
      first_stage: true,
    });
  });

  test('keeps ties as the first stage had them', async () => {
    const { url } = await serve(scoreTexts);
    expect(await rescoreThrough(url)('x', candidatesOf(['1', '2', '1', '2']))).toEqual([
      'd1',
      'd3',
      'd0',
      'd2',
    ]);
  });

  test('has documents without text at its end; their ranks are theirs all the same', async () => {
    const { url, seen } = await serve((response, body) => scoreTexts(response, body.replace('""', '"9"')));
    expect(await rescoreThrough(url)('x', candidatesOf(['', '1', '2']))).toEqual(['d2', 'd1', 'd0']);
    expect(askedOf(seen[0]!).documents).toEqual(['', '1', '2']);
  });

  test('of a wide window comes from several requests, each told the rank it begins at', async () => {
    const { url, seen } = await serve(scoreTexts);
    const texts = Array.from({ length: 450 }, (_, at) => String(at));
    const order = await rescoreThrough(url)('x', candidatesOf(texts));
    expect(order).toEqual(texts.map((_, at) => `d${449 - at}`));
    expect(seen.map(askedOf).map(({ documents, first_rank }) => [documents.length, first_rank])).toEqual([
      [200, undefined],
      [200, 201],
      [50, 401],
    ]);
  });

  test('of long texts comes from several requests too', async () => {
    const { url, seen } = await serve(scoreTexts);
    const long = ['1', '3', '2'].map((text) => text.padEnd(1_500_000));
    expect(await rescoreThrough(url)('x', candidatesOf(long))).toEqual(['d1', 'd2', 'd0']);
    expect(seen.map(askedOf).map(({ first_rank }) => first_rank)).toEqual([undefined, 2, 3]);
  });

  test('of no candidates is empty, and nobody is asked', async () => {
    const { url, seen } = await serve(scoreTexts);
    expect(await rescoreThrough(url)('x', [])).toEqual([]);
    expect(seen).toEqual([]);
  });
});

describe('an answer that is no score for each document', () => {
  test.each([
    ['a refusal', json({ error: 'the bundle has no graph cross-encoder' }, 404), /404: .*no graph/],
    ['a score too few', json({ results: [{ index: 1, relevance_score: 1 }] }), /each of 2 documents/],
    ['a page', (response: ServerResponse) => void response.end('<html>'), /<html>/],
  ])('is an error that names the route: %s', async (_, reply, message) => {
    const { url } = await serve(reply);
    await expect(rescoreThrough(url)('x', candidatesOf(['1', '2']))).rejects.toMatchObject({
      code: 'proxy-refused',
      message: expect.stringMatching(message),
    });
  });

  test('is not waited for when the caller leaves', async () => {
    const { url } = await serve(() => {});
    const leaving = new AbortController();
    const waiting = rescoreThrough(url, {}, leaving.signal)('x', candidatesOf(['1']));
    setTimeout(() => leaving.abort(new Error('left')), 20);
    await expect(waiting).rejects.toThrow('left');
  });
});
