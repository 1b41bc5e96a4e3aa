import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/config/options.ts';
import { MiceError } from '../../../src/errors.ts';
import { raw } from '../../support/proxy.ts';
import { dial } from '../../support/stub-engine.ts';
import { type Scripted, scripted } from './scripted-cluster.ts';

let open: Scripted | undefined;
afterEach(() => open?.close());

async function cluster(given: Partial<Settings> = {}): Promise<Scripted> {
  open = await scripted(given);
  return open;
}

const match = { query: { match: { text: 'ice' } } };
const json = JSON.stringify;
const idsIn = (text: string): string[] =>
  (JSON.parse(text).hits.hits as { _id: string }[]).map(({ _id }) => _id);
const idsByScore = ({ documents }: Scripted, window = documents.length) => [
  ...documents
    .slice(0, window)
    .sort((a, b) => b.score - a.score)
    .map(({ id }) => id),
  ...documents.slice(window).map(({ id }) => id),
];

async function ask(
  { url }: Scripted,
  body: unknown,
  { path = '/i/_search', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
) {
  const answer = await raw(url, path, { body: typeof body === 'string' ? body : json(body), headers });
  return { ...answer, verdict: answer.headers['x-mice'] ?? '' };
}

const directly = ({ clusterUrl }: Scripted, body: unknown, path = '/i/_search') =>
  raw(clusterUrl, path, {
    body: typeof body === 'string' ? body : json(body),
    headers: { 'x-direct': '1' },
  });

describe('a search', () => {
  it('is answered in the order of the model, with all of every hit', async () => {
    const at = await cluster();
    const { text, verdict } = await ask(at, { ...match, size: 30 });
    expect(idsIn(text)).toEqual(idsByScore(at));
    expect(verdict).toMatch(/^reranked; window=30; scored=30; model=m@1; took=\d+$/);
    expect(text.match(/9223372036854775807/g)).toHaveLength(30);
  });

  it.each([
    ['media-type', { accept: 'application/yaml' }],
    ['media-type', { 'content-type': 'application/cbor' }],
    ['off', { 'x-mice': 'off' }],
  ])('is left to the cluster for %s by %j', async (reason, headers) => {
    const at = await cluster();
    const { text, verdict } = await ask(at, match, { headers });
    expect(verdict).toBe(`skipped; reason=${reason}`);
    expect(at.seen).toMatchObject([{ url: '/i/_search', body: json(match) }]);
    expect(text).toBe((await directly(at, match)).text);
  });

  it('is sent as the caller wrote it where the cluster refuses the window', async () => {
    const at = await cluster();
    at.answer = ({ url }) =>
      url.includes('size=100') ? { status: 400, body: '{"error":"window"}' } : undefined;
    const { text, verdict, status } = await ask(at, match);
    expect([status, verdict]).toEqual([200, 'skipped; reason=upstream-status']);
    expect(text).toBe((await directly(at, match)).text);
  });

  it('is answered in the order of the cluster where the model fails', async () => {
    const at = await cluster();
    at.modelFails = true;
    const { text, verdict } = await ask(at, match);
    expect(verdict).toMatch(/^degraded; reason=model-failed; window=30; scored=0/);
    expect(text).toBe((await directly(at, match)).text);
  });
});

/** How the one search of a test is asked for, and how it is found in what comes back. */
interface Way {
  readonly name: string;
  readonly endpoint: string;
  readonly around: (body: object) => string;
  readonly own: (answer: { text: string; verdict: string }) => { text: string; verdict: string };
}

const ways: readonly Way[] = [
  { name: 'alone', endpoint: '_search', around: json, own: (answer) => answer },
  {
    name: 'among others',
    endpoint: '_msearch',
    around: (body) => `{}\n{"query":{"match_all":{}},"size":1}\n{"preference":"p"}\n${json(body)}\n`,
    own: ({ text, verdict }) => ({
      text: json(JSON.parse(text).responses[1]),
      verdict: verdict.replace('skipped; reason=no-query-text, ', ''),
    }),
  },
  {
    name: 'asynchronously',
    endpoint: '_async_search',
    around: json,
    own: ({ text, verdict }) => ({ text: json(JSON.parse(text).response), verdict }),
  },
];

describe.each(ways)('a search that is asked for $name, whose caller leaves,', ({ endpoint, around }) => {
  const leave = async ({ url }: Scripted, when: Promise<unknown>) => {
    const socket = await dial(url);
    const body = around(match);
    const head = `POST /i/${endpoint} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n`;
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    await when;
    socket.destroy();
  };

  it('ends at the cluster', async () => {
    const at = await cluster();
    const arrived = Promise.withResolvers<void>();
    at.answer = () => {
      arrived.resolve();
      return 'none';
    };
    await leave(at, arrived.promise);
    await expect.poll(() => at.givenUp).toBe(1);
  });

  it('is scored no further, leaves its turn to others, and counts as no fault of the model', async () => {
    const at = await cluster({ overloadConcurrency: 1, overloadQueue: 0, breakerFailures: 1 });
    const [reached, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    at.beforeScoring = (signal) => {
      reached.resolve();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          left.resolve();
          reject(new MiceError('aborted', 'The caller left.'));
        });
      });
    };
    await leave(at, reached.promise);
    await left.promise;
    at.beforeScoring = undefined;
    await expect.poll(async () => (await ask(at, match)).verdict).toMatch(/^reranked/);
    expect(await at.metrics()).not.toContain('outcome="degraded",reason="deadline"');
  });
});

describe.each(ways)('the pages of a search that is asked for $name', ({ endpoint, around, own }) => {
  const askFor = async (at: Scripted, body: object, { index = 'i', headers = {} } = {}) => {
    const answer = await ask(at, around(body), { path: `/${index}/${endpoint}`, headers });
    return own(answer);
  };

  it('are one order cut anywhere, inside, across and beyond the window, whatever their sizes', async () => {
    const at = await cluster({ rerankWindow: 20 });
    const whole = idsByScore(at, 20);
    const page = fc.record({ from: fc.nat({ max: 34 }), size: fc.integer({ min: 1, max: 34 }) });
    await fc.assert(
      fc.asyncProperty(page, async ({ from, size }) => {
        const { text, verdict } = await askFor(at, { ...match, from, size });
        expect(idsIn(text)).toEqual(whole.slice(from, from + size));
        expect(verdict).toMatch(from < 20 ? /^reranked; window=20/ : /^skipped; reason=beyond-window/);
      }),
      { numRuns: 60 },
    );
  });

  it('after the first cost no scoring and ask for no states', async () => {
    const at = await cluster();
    await askFor(at, { ...match, size: 5 });
    expect(at.scored).toBe(30);
    for (const [from, size] of [
      [5, 5],
      [3, 20],
      [29, 5],
    ] as const) {
      const { text, verdict } = await askFor(at, { ...match, from, size });
      expect(idsIn(text)).toEqual(idsByScore(at).slice(from, from + size));
      expect(verdict).toMatch(/^reranked; window=30; scored=30/);
    }
    expect(at.scored).toBe(30);
    expect(at.seen.map((seen) => json(seen).includes('docvalue_fields'))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('are frozen where the cluster orders the same hits in another way, as another copy of a shard may', async () => {
    const at = await cluster();
    const whole = idsByScore(at);
    await askFor(at, match);
    at.documents = at.documents.toReversed();
    expect(idsIn((await askFor(at, { ...match, from: 10 })).text)).toEqual(whole.slice(10, 20));
    expect(at.scored).toBe(30);
  });

  it('are scored anew where a hit came, went or changed', async () => {
    const at = await cluster();
    await askFor(at, match);
    at.documents = at.documents.with(3, { id: 'd3', score: 1000 });
    const { text } = await askFor(at, { ...match, from: 1, size: 3 });
    expect(at.scored).toBe(60);
    expect(idsIn(text)).toEqual(idsByScore(at).slice(1, 4));
    expect(at.seen.map((seen) => json(seen).includes('docvalue_fields'))).toEqual([true, false, true]);
  });

  it('are scored by what was found where the cluster answers no more when asked for states', async () => {
    const at = await cluster();
    await askFor(at, match);
    at.documents = at.documents.with(3, { id: 'd3', score: 1000 });
    at.answer = (seen) => (json(seen).includes('docvalue_fields') ? 'broken off' : undefined);
    const { text } = await askFor(at, { ...match, from: 1, size: 3 });
    expect(at.scored).toBe(60);
    expect(idsIn(text)).toEqual(idsByScore(at).slice(1, 4));
  });

  // An order says something of the documents behind it, so nobody gets that of another.
  it('of one caller say nothing to another', async () => {
    const at = await cluster();
    await askFor(at, match, { headers: { authorization: 'Basic a' } });
    await askFor(at, { ...match, from: 10 }, { headers: { authorization: 'Basic b' } });
    expect(at.scored).toBe(60);
    await askFor(at, { ...match, from: 10 }, { headers: { authorization: 'Basic a' } });
    expect(at.scored).toBe(60);
  });

  it.each([
    ['another question', { query: { match: { text: 'snow' } } }, 'i'],
    ['other indices', match, 'j'],
    ['another window', { ...match, ext: { mice: { window: 25 } } }, 'i'],
    ['other hits', { ...match, min_score: 1 }, 'i'],
  ])('are scored for %s', async (_, body, index) => {
    const at = await cluster();
    await askFor(at, match);
    await askFor(at, { ...body, from: 10 }, { index });
    expect(at.scored).toBeGreaterThan(30);
  });

  it('are scored each by itself where no order is kept', async () => {
    const at = await cluster({ pagesMb: 0 });
    await askFor(at, match);
    await askFor(at, { ...match, from: 10 });
    expect(at.scored).toBe(60);
  });
});

describe('several searches in one request', () => {
  const path = '/i/_msearch';
  const lines = (...parts: readonly (string | object)[]) =>
    `${parts.map((part) => (typeof part === 'string' ? part : json(part))).join('\n')}\n`;

  it('are re-ranked each by itself; what is not ours goes and comes byte for byte', async () => {
    const at = await cluster();
    const plain = '{ "query" : {"match_all":{}},"size":2 ,"n":1e400}';
    const header = '{ "index":"x" , "preference": "p"}';
    const body = lines(header, plain, {}, { ...match, from: 2, size: 3 }, '', match);
    const { text, verdict } = await ask(at, body, { path });
    const [first, second, third] = JSON.parse(text).responses.map((one: unknown) => idsIn(json(one)));
    expect(first).toEqual(['d0', 'd1']);
    expect(second).toEqual(idsByScore(at).slice(2, 5));
    expect(third).toEqual(idsByScore(at).slice(0, 10));
    expect(verdict.replaceAll(/took=\d+/g, 'took=0')).toBe(
      `skipped; reason=no-query-text, ${Array(2).fill('reranked; window=30; scored=30; model=m@1; took=0').join(', ')}`,
    );
    const sent = at.seen[0]!.body.split('\n');
    expect(sent.slice(0, 3)).toEqual([header, plain, '{}']);
    expect(JSON.parse(sent[3]!)).toEqual({ ...match, from: 0, size: 100, docvalue_fields: ['mice.states'] });
    expect(sent[4]).toBe('');
    const direct = JSON.parse((await directly(at, body, path)).text);
    expect(JSON.parse(text).responses[0]).toEqual(direct.responses[0]);
  });

  it('are the very bytes of the caller where none is re-ranked', async () => {
    const at = await cluster();
    const body = lines('{}', '{ "query":{"match_all":{}} }', '', { ...match, sort: ['a'] });
    const { text, verdict } = await ask(at, body, { path });
    expect(verdict).toBe('skipped; reason=no-query-text, skipped; reason=sort');
    expect(at.seen).toMatchObject([{ url: path, body }]);
    expect(text).toBe((await directly(at, body, path)).text);
  });

  it('have the errors of their own requests', async () => {
    const at = await cluster();
    const body = lines('{}', { ...match, bad: 1 }, '{}', match);
    const { text, verdict } = await ask(at, body, { path });
    const answers = JSON.parse(text).responses;
    expect(answers[0].error.type).toBe('parsing_exception');
    expect(idsIn(json(answers[1]))).toEqual(idsByScore(at).slice(0, 10));
    expect(verdict).toMatch(/^skipped; reason=upstream-status, reranked/);
    expect(at.seen.map((one) => one.body.split('\n').length)).toEqual([5, 3]);
    expect(at.seen[1]!.body).toBe(lines('{}', { ...match, bad: 1 }));
  });

  it('pass as they came while the model rests, but for pages whose order is known', async () => {
    const at = await cluster({ breakerFailures: 1, breakerPauseMs: 60_000 });
    await ask(at, lines('{}', match), { path });
    at.modelFails = true;
    await ask(at, match);
    at.seen.length = 0;
    const first = await ask(at, lines('{}', match), { path });
    expect(first.verdict).toMatch(/^degraded; reason=model-rests; window=0; scored=0/);
    expect(at.seen).toMatchObject([{ url: path, body: lines('{}', match) }]);
    const second = { ...match, from: 2, size: 3 };
    const both = await ask(at, lines('{}', match, '{}', second), { path });
    expect(both.verdict).toMatch(
      /^degraded; reason=model-rests; window=0; .*, reranked; window=30; scored=30/,
    );
    const found = JSON.parse(both.text).responses.map((one: unknown) => idsIn(json(one)));
    expect(found).toEqual([at.documents.slice(0, 10).map(({ id }) => id), idsByScore(at).slice(2, 5)]);
    expect(at.seen.at(-1)!.body.split('\n')[1]).toBe(json(match));
  });

  it('lose what is ours, and a wrong control is refused', async () => {
    const at = await cluster();
    const off = '{"query":{"match_all":{}},"ext":{"mice":{"window":3}}}';
    const { verdict } = await ask(at, lines('{}', off, '{}', { ...match, ext: { mice: { window: 4 } } }), {
      path,
    });
    expect(verdict).toMatch(/^skipped; reason=no-query-text, reranked; window=4/);
    expect(at.seen[0]!.body).not.toContain('mice"');
    const wrong = await ask(at, lines('{}', { ...match, ext: { mice: { windw: 4 } } }), { path });
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining('windw')]);
  });

  it('are filtered as the caller asked, counted by what is taken out again', async () => {
    const at = await cluster();
    const filteredHits = at.documents
      .slice(0, 3)
      .map(({ id }) => `{"_index":"i","_id":"${id}","_routing":"r"}`);
    const response = (line: string) =>
      line.includes('none') ? '{"status":200}' : `{"hits":{"hits":[${filteredHits.join(',')}]},"status":200}`;
    at.answer = ({ url, body }) => {
      const searches = body
        .trim()
        .split('\n')
        .filter((_, line) => line % 2 === 1);
      return url.startsWith('/_mget')
        ? undefined
        : { status: 200, body: `{"responses":[${searches.map(response).join(',')}]}` };
    };
    const body = lines(
      '{}',
      { query: { match_all: {} } },
      '{}',
      { query: { match: { a: 'none' } } },
      '{}',
      match,
    );
    const { text, verdict } = await ask(at, body, { path: `${path}?filter_path=responses.hits.hits._id` });
    expect(text).toBe(
      '{"responses":[{"hits":{"hits":[{"_id":"d0"},{"_id":"d1"},{"_id":"d2"}]}},{"hits":{"hits":[{"_id":"d2"},{"_id":"d1"},{"_id":"d0"}]}}]}',
    );
    expect(verdict).toMatch(
      /^skipped; reason=no-query-text, skipped; reason=no-hits, reranked; window=3; scored=3/,
    );
  });

  it('see no hits, so none is re-ranked', async () => {
    const at = await cluster();
    const target = `${path}?filter_path=responses.took`;
    expect((await ask(at, lines('{}', match), { path: target })).verdict).toBe('skipped; reason=filter-path');
    expect(at.seen).toMatchObject([{ url: target, body: lines('{}', match) }]);
  });

  it('are counted where there are many', async () => {
    const at = await cluster();
    const body = lines(...Array.from({ length: 20 }, () => ['{}', { ...match, size: 1 }]).flat());
    const { text, verdict } = await ask(at, body, { path });
    expect(JSON.parse(text).responses).toHaveLength(20);
    expect(verdict).toBe('several; searches=20; reranked=20; degraded=0; shadow=0; skipped=0');
  });

  it.each([
    ['unreadable-body', lines('{}', '{}').trim(), path],
    ['media-type', lines('{}', match), `${path}?format=yaml`],
  ])('are left to the cluster for %s', async (reason, body, target) => {
    const at = await cluster();
    expect((await ask(at, body, { path: target })).verdict).toBe(`skipped; reason=${reason}`);
    expect(at.seen).toMatchObject([{ url: target, body }]);
  });
});

describe('a search template', () => {
  const template = { source: '{"query":{"match":{"text":"{{q}}"}},"size":3}', params: { q: 'ice' } };

  it('is rendered by the cluster and re-ranked as the search that it is', async () => {
    const at = await cluster();
    const { text, verdict } = await ask(at, template, { path: '/i/_search/template?routing=r&size=9' });
    expect(idsIn(text)).toEqual(idsByScore(at).slice(0, 3));
    expect(verdict).toMatch(/^reranked/);
    expect(at.seen.map(({ url }) => url)).toEqual([
      '/_render/template',
      '/i/_search?routing=r&from=0&size=100&docvalue_fields=mice.states',
    ]);
  });

  it('goes as it came where it asks nothing in words, or is not rendered', async () => {
    const at = await cluster();
    const path = '/i/_search/template';
    const all = json({ ...template, source: '{"query":{"match_all":{}}}' });
    expect((await ask(at, all, { path })).verdict).toBe('skipped; reason=no-query-text');
    expect(at.seen.at(-1)).toMatchObject({ url: path, body: all });
    at.answer = ({ url }) => (url === '/_render/template' ? { status: 403, body: '{}' } : undefined);
    const ours = { ...template, ext: { mice: { window: 7 } } };
    expect((await ask(at, ours, { path })).verdict).toBe('skipped; reason=template');
    expect(at.seen.at(-1)).toMatchObject({ url: path, body: json(template) });
    const several = `{}\n${json(ours)}\n`;
    expect((await ask(at, several, { path: '/_msearch/template' })).verdict).toBe('skipped; reason=template');
    expect(at.seen.at(-1)).toMatchObject({ url: '/_msearch/template', body: `{}\n${json(template)}\n` });
  });

  it('may hold controls, in itself or beside', async () => {
    const at = await cluster();
    const path = '/i/_search/template';
    const beside = await ask(at, { ...template, ext: { mice: { window: 7 } } }, { path });
    expect(beside.verdict).toMatch(/^reranked; window=7/);
    const source = '{"query":{"match":{"text":"{{q}}"}},"ext":{"mice":{"mode":"off"}}}';
    expect((await ask(at, { ...template, source }, { path })).verdict).toBe('skipped; reason=off');
    expect(at.seen.at(-1)).toMatchObject({ url: '/i/_search', body: '{"query":{"match":{"text":"ice"}}}' });
    expect(at.seen.map(({ body }) => body).join()).not.toContain('"window"');
  });

  it('may be one of several', async () => {
    const at = await cluster();
    const all = { ...template, source: '{"query":{"match_all":{}},"size":1}' };
    const body = `{}\n${json(template)}\n{"index":"j"}\n${json(all)}\n`;
    const { text, verdict } = await ask(at, body, { path: '/_msearch/template?typed_keys' });
    const [first, second] = JSON.parse(text).responses.map((one: unknown) => idsIn(json(one)));
    expect(first).toEqual(idsByScore(at).slice(0, 3));
    expect(second).toEqual(['d0']);
    expect(verdict).toMatch(/^reranked.*, skipped; reason=no-query-text$/);
    expect(at.seen.at(-1)).toMatchObject({ url: '/_msearch?typed_keys' });
    expect(at.seen.at(-1)!.body.split('\n').slice(2, 4)).toEqual(['{"index":"j"}', all.source]);
  });
});

describe('an asynchronous search', () => {
  const path = '/i/_async_search?wait_for_completion_timeout=2s';

  it('is re-ranked where it ends within the wait', async () => {
    const at = await cluster();
    const { text, verdict } = await ask(at, match, { path });
    expect(verdict).toMatch(/^reranked/);
    const { response, start_time_in_millis } = JSON.parse(text);
    expect(idsIn(json(response))).toEqual(idsByScore(at).slice(0, 10));
    expect(start_time_in_millis).toBe(1234567890123);
  });

  it('is filtered as the caller asked', async () => {
    const at = await cluster();
    const hit = (id: string) => `{"_index":"i","_id":"${id}"}`;
    const hits = at.documents.slice(0, 3).map(({ id }) => hit(id));
    at.answer = ({ url }) =>
      url.startsWith('/_mget')
        ? undefined
        : { status: 200, body: `{"response":{"hits":{"hits":[${hits.join(',')}]}}}` };
    const filtered = `${path}&filter_path=response.hits.hits._id`;
    const { text, verdict } = await ask(at, match, { path: filtered });
    expect(text).toBe('{"response":{"hits":{"hits":[{"_id":"d2"},{"_id":"d1"},{"_id":"d0"}]}}}');
    expect(verdict).toMatch(/^reranked; window=3; scored=3/);
    const sent = new URL(at.seen[0]!.url, at.url).searchParams.get('filter_path');
    expect(sent).toMatch(/^response\.hits\.hits\._id,response\.hits\.hits\._index,.*,id$/);
  });

  it('is left to the cluster where its filter shows no hits, or not whether it is kept', async () => {
    const at = await cluster();
    for (const filter of ['hits.hits', 'is_running', '-id']) {
      const filtered = `${path}&filter_path=${filter}`;
      expect((await ask(at, match, { path: filtered })).verdict).toBe('skipped; reason=filter-path');
      expect(at.seen.at(-1)!.url).toBe(filtered);
    }
  });

  it("is the caller's own where it goes on, and the widened one is deleted", async () => {
    const at = await cluster();
    at.answer = ({ method, url }) =>
      method === 'DELETE' || !url.includes('size=100')
        ? { status: 200, body: '{"id":"own","is_running":true}' }
        : { status: 200, body: '{"id":"a/b=","is_running":true,"response":{"hits":{"hits":[]}}}' };
    const { text, verdict } = await ask(at, match, { path });
    expect(verdict).toBe('skipped; reason=async');
    expect(text).toBe('{"id":"own","is_running":true}');
    expect(at.seen.map(({ method, url }) => `${method} ${url}`).slice(1)).toEqual([
      'DELETE /_async_search/a%2Fb%3D',
      `POST ${path}`,
    ]);
  });

  it('is left to the cluster where its answer is kept', async () => {
    const at = await cluster();
    const { verdict } = await ask(at, match, { path: `${path}&keep_on_completion=true` });
    expect(verdict).toBe('skipped; reason=async');
    expect(at.seen).toHaveLength(1);
  });
});

describe('a shadow search', () => {
  it('is answered as the cluster does, and compared afterwards', async () => {
    const at = await cluster({ rerankShadow: true });
    const { text, verdict } = await ask(at, { ...match, from: 2, size: 4 });
    expect(text).toBe((await directly(at, { ...match, from: 2, size: 4 })).text);
    expect(verdict).toMatch(/^shadow; window=30; scored=0/);
    await expect.poll(() => at.logged.join()).toMatch(/"overlap":.*"tau":/);
    expect(at.logged.join()).not.toContain('ice');
    expect(await at.metrics()).toMatch(/mice_shadow_kendall_tau_count 1/);
  });

  it('says what would change where the caller wants it explained, by judgements too', async () => {
    const shadowJudgements = join(mkdtempSync(join(tmpdir(), 'mice-shadow-')), 'judgements.tsv');
    writeFileSync(shadowJudgements, 'ice\td17\t1\n');
    const at = await cluster({ shadowJudgements });
    const { text, verdict } = await ask(at, match, {
      headers: { 'x-mice': 'shadow', 'x-mice-explain': 'true' },
    });
    expect(idsIn(text)).toEqual(at.documents.slice(0, 10).map(({ id }) => id));
    expect(at.documents[17]!.score).toBe(29);
    expect(verdict).toMatch(
      /^shadow; window=30; scored=30; .*; overlap=0\.\d+; tau=-?[\d.]+; ndcg-before=0\.0000; ndcg-after=1\.0000$/,
    );
    const metrics = await at.metrics();
    for (const [order, sum] of [
      ['cluster', 0],
      ['reranked', 1],
    ])
      expect(metrics).toContain(`mice_shadow_ndcg10_sum{order="${order}"} ${sum}`);
  });

  it('is still answered where the model fails', async () => {
    const at = await cluster({ rerankShadow: true });
    at.modelFails = true;
    const { status, text } = await ask(at, match);
    expect(status).toBe(200);
    expect(text).toBe((await directly(at, match)).text);
  });
});
