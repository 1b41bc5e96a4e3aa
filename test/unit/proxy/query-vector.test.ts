import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/config/options.ts';
import { raw } from '../../support/proxy.ts';
import { type Scripted, scripted } from './scripted-cluster.ts';

let open: Scripted | undefined;
afterEach(() => open?.close());

/** Speaks as OpenSearch does; the fast vector of any text is [0,1], the full one [1,0]. */
async function cluster(given: Partial<Settings> = {}): Promise<Scripted> {
  open = await scripted(given);
  return open;
}

const json = JSON.stringify;
const asked = '{"query":{"knn":{"v":{ "query_text":"ice" ,"k":3}}}}';
const sent = '{"query":{"knn":{"v":{ "vector":[0,1] ,"k":3}}}}';

async function ask({ url }: Scripted, body: string, path = '/i/_search', headers = {}) {
  const answer = await raw(url, path, { body, headers });
  return { ...answer, verdict: answer.headers['x-mice'] ?? '' };
}

describe('a search with a text where a vector belongs', () => {
  it('is sent with the vector, and re-ranked by the text', async () => {
    const at = await cluster();
    const { verdict } = await ask(at, asked);
    expect(verdict).toMatch(/^reranked; window=30; scored=30/);
    expect(at.seen).toMatchObject([{ body: sent }]);
  });

  it.each([
    ['off', '/i/_search', { 'x-mice': 'off' }],
    ['sort', '/i/_search?sort=n', {}],
    ['beyond-window', '/i/_search?from=200', {}],
  ])('is sent with the vector where it is left to the cluster: %s', async (reason, path, headers) => {
    const at = await cluster();
    expect((await ask(at, asked, path, headers)).verdict).toBe(`skipped; reason=${reason}`);
    expect(at.seen).toMatchObject([{ url: path, body: sent }]);
  });

  it('is sent with the vector once more where the cluster refuses the window', async () => {
    const at = await cluster();
    at.answer = ({ url }) => (url.includes('size=100') ? { status: 400, body: '{}' } : undefined);
    expect((await ask(at, asked)).verdict).toBe('skipped; reason=upstream-status');
    expect(at.seen[1]).toMatchObject({ url: '/i/_search', body: sent });
  });

  it('gets the vector of the encoder that is set', async () => {
    const at = await cluster({ vectorsEncoder: 'full' });
    await ask(at, asked);
    expect(at.seen[0]!.body).toContain('"vector":[1,0]');
  });

  it('may be one of several, beside others that stay as they came', async () => {
    const at = await cluster();
    const other = '{ "size":1,"query":{"match_all":{}} }';
    const { verdict } = await ask(at, `{}\n${asked}\n{}\n${other}\n`, '/_msearch');
    expect(verdict).toMatch(/^reranked.*, skipped; reason=no-query-text$/);
    const lines = at.seen[0]!.body.split('\n');
    expect(lines[1]).toContain('{"v":{ "vector":[0,1] ,"k":3}}');
    expect(lines[3]).toBe(other);
    expect((await ask(at, `{}\n${asked}\n`, '/_msearch', { 'x-mice': 'off' })).verdict).toMatch(/off$/);
    expect(at.seen[1]!.body).toBe(`{}\n${sent}\n`);
  });

  it('may come from a template, and is then sent as the search that it is', async () => {
    const at = await cluster();
    const template = json({ source: asked.replace('ice', '{{q}}'), params: { q: 'ice' } });
    expect((await ask(at, template, '/i/_search/template')).verdict).toMatch(/^reranked/);
    expect((await ask(at, template, '/i/_search/template', { 'x-mice': 'off' })).verdict).toMatch(/off$/);
    expect(at.seen.at(-1)).toMatchObject({ url: '/i/_search', body: sent });
    const plain = json({ source: '{"query":{"match_all":{}}}', params: { q: '' } });
    const several = `{}\n${template}\n{}\n${plain}\n`;
    await ask(at, several, '/_msearch/template', { 'x-mice': 'off' });
    expect(at.seen.at(-1)).toMatchObject({
      url: '/_msearch',
      body: `{}\n${sent}\n{}\n{"query":{"match_all":{}}}\n`,
    });
  });

  it('is answered with a fault where the text is none, or the model fails', async () => {
    const at = await cluster();
    const wrong = await ask(at, asked.replace('"ice"', '7'));
    expect(wrong.status).toBe(400);
    expect(JSON.parse(wrong.text).error).toMatchObject({ type: 'mice_bad_query_text' });
    at.modelFails = true;
    const failed = await ask(at, asked);
    expect([failed.status, JSON.parse(failed.text).error.type]).toEqual([500, 'mice_model_failed']);
    expect(at.seen).toEqual([]);
  });
});
