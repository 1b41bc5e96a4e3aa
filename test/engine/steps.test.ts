import { beforeAll, beforeEach, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { describeOnEveryVersion } from '../support/engines.ts';
import { bulkLines, passages, search } from '../support/passages.ts';
import { proxyBefore, type RawAnswer, raw } from '../support/proxy.ts';
import { type Asked, recordingFront } from '../support/recording-front.ts';

/** More than it takes until memory comes first. */
const SEARCHES = 15;

const withStates = ({ url, body }: Asked) => /docvalue_fields/.test(url + body);
const byIds = ({ body }: Asked) => body.includes('"ids"');
const untimed = ({ text }: RawAnswer) => text.replace(/"took":\d+/, '');

describeOnEveryVersion('states of hits that searches find again and again', (engine) => {
  const front = recordingFront(engine);
  const proxy = proxyBefore(front);
  const index = engine.freshIndex('steps');
  const alias = engine.freshIndex('steps-alias');

  beforeAll(async () => {
    const { dims } = proxy.server.services.model.bundle;
    await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
    const add = { index, alias, filter: { bool: { must_not: [{ ids: { values: ['word'] } }] } } };
    await raw(engine.url, '/_aliases', { body: JSON.stringify({ actions: [{ add }] }) });
  });

  beforeEach(async () => {
    front.refuses = () => false;
    const headers = { 'content-type': 'application/x-ndjson' };
    await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(index), headers });
  });

  /** One search through the proxy, and what the cluster was asked for it. */
  async function searched(target = index): Promise<{ answer: RawAnswer; asked: readonly Asked[] }> {
    front.asked.length = 0;
    const answer = await raw(proxy.url, `/${target}/_search`, { body: JSON.stringify(search) });
    return { answer, asked: front.asked.filter(({ url }) => url.includes('_search')) };
  }

  async function searchedOften(target = index) {
    const all = [];
    for (let at = 0; at < SEARCHES; at++) all.push(await searched(target));
    return { first: all[0]!, last: all.at(-1)! };
  }

  const rewrite = (id: string, text: string) =>
    raw(proxy.url, `/${index}/_doc/${id}?refresh=true`, { method: 'PUT', body: JSON.stringify({ text }) });

  it('are asked for with the search, and not at all once memory has them, for the same answer', async () => {
    const { first, last } = await searchedOften();
    expect(first.asked.map(withStates)).toEqual([true]);
    expect(last.asked.map(withStates)).toEqual([false]);
    expect(last.answer.headers['x-mice']).toMatch(/^reranked/);
    expect(untimed(last.answer)).toBe(untimed(first.answer));
  });

  it('are asked for by the ids of those that memory lacks, and are of the texts of now', async () => {
    await searchedOften();
    const text = 'Pianos move on wheels; glaciers do not.';
    await rewrite('word', text);
    const { answer, asked } = await searched();
    expect(asked.map(withStates)).toEqual([false, true]);
    expect(asked.map(({ url }) => url.split('?')[0])).toEqual([`/${index}/_search`, `/${index}/_search`]);
    expect(JSON.parse(asked[1]!.body)).toMatchObject({ size: 1 });
    expect(asked[1]!.body).toContain('"values":["word"]');
    const plain = engine.freshIndex('steps-plain');
    const lines = passages.map(
      ({ id, ...source }) =>
        `${JSON.stringify({ index: { _index: plain, _id: id } })}\n${JSON.stringify(id === 'word' ? { text } : source)}\n`,
    );
    await raw(engine.url, '/_bulk?refresh=true', {
      body: lines.join(''),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    const onSight = await searched(plain);
    expect(scoresIn(answer)).toEqual(scoresIn(onSight.answer));
  });

  it('are asked for through the name that the caller searches, which may hide documents', async () => {
    await searchedOften(alias);
    await rewrite('melt', 'Glaciers move faster when they melt.');
    const { answer, asked } = await searched(alias);
    expect(asked.map(({ url }) => url.split('?')[0])).toEqual([`/${alias}/_search`, `/${alias}/_search`]);
    expect(Object.keys(scoresIn(answer))).toContain('melt');
    expect(Object.keys(scoresIn(answer))).not.toContain('word');
  });

  it('are made of the text where the cluster does not give them', async () => {
    await searchedOften();
    await rewrite('melt', 'Glaciers move faster in summer, when they melt.');
    front.refuses = byIds;
    const refused = await searched();
    expect(refused.asked.some(byIds)).toBe(true);
    expect(refused.answer.headers['x-mice']).toMatch(/^reranked/);
    front.refuses = () => false;
    const given = await searched();
    expect(scoresIn(refused.answer)).toEqual(scoresIn(given.answer));
  });
});

/** By id, to four digits: a score may differ in its last bits with what else is scored. */
function scoresIn({ text }: RawAnswer): Record<string, string> {
  const { hits } = JSON.parse(text) as { hits: { hits: { _id: string; _score: number }[] } };
  return Object.fromEntries(hits.hits.map(({ _id, _score }) => [_id, _score.toFixed(4)]));
}
