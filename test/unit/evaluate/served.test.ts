import { expect, test } from 'vitest';
import { servedGraphs } from '../../../src/evaluate/served.ts';
import { json, serve } from './server.ts';

test('the graphs of a bundle are those the proxy names when it is ready', async () => {
  const { url, seen } = await serve(json({ status: 'ready', model: 'm@1', graphs: ['document', 'query'] }));
  expect([...(await servedGraphs(url, { authorization: 'x' }))]).toEqual(['document', 'query']);
  expect(seen[0]).toMatchObject({ path: '/_mice/ready', headers: { authorization: 'x' } });
});

test.each([
  ['a cluster, which has no such route', json({ error: 'no handler found' }, 400), /400: .*no handler/],
  ['a proxy that names none', json({ status: 'ready' }), /200: .*ready/],
])('%s is refused by its address', async (_, reply, message) => {
  const { url } = await serve(reply);
  await expect(servedGraphs(url)).rejects.toMatchObject({
    code: 'proxy-refused',
    message: expect.stringMatching(message),
    hint: expect.stringContaining('mice proxy'),
  });
});
