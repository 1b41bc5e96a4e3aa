import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { embedThrough } from '../../../src/evaluate/embeddings.ts';
import { json, serve } from './server.ts';

describe('the vector of a query', () => {
  test('is asked from the embedding route as that of a query', async () => {
    const { url, seen } = await serve(json({ data: [{ index: 0, embedding: [0.6, 0.8] }] }));
    expect(await embedThrough(url, { authorization: 'x' })('deep sea', 'query')).toEqual([0.6, 0.8]);
    expect(seen[0]).toMatchObject({ path: '/_mice/v1/embeddings', headers: { authorization: 'x' } });
    expect(JSON.parse(seen[0]!.body)).toEqual({ input: ['deep sea'], input_type: 'query' });
  });

  test('is asked from the distilled encoder by its name', async () => {
    const { url, seen } = await serve(json({ data: [{ index: 0, embedding: [1] }] }));
    await embedThrough(url)('deep sea', 'query-fast');
    expect(JSON.parse(seen[0]!.body)).toEqual({
      input: ['deep sea'],
      input_type: 'query',
      model: 'query-fast',
    });
  });

  test.each([
    ['no such route', json({ error: 'no handler' }, 400), /400: .*no handler/],
    ['an empty answer', json({ data: [] }), /no vector but 200: .*\[\]/],
    ['no JSON', (response: ServerResponse) => void response.end('<html>'), /<html>/],
  ])('is an error that names the route: %s', async (_, reply, message) => {
    const { url } = await serve(reply);
    await expect(embedThrough(url)('x', 'query')).rejects.toMatchObject({
      code: 'proxy-refused',
      message: expect.stringMatching(message),
    });
  });
});
