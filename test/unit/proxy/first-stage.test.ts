import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '../../../src/config/options.ts';
import { fuse } from '../../../src/proxy/fuse.ts';
import { blendFor } from '../../../src/proxy/rerank.ts';
import { raw } from '../../support/proxy.ts';
import { type Scripted, scripted } from './scripted-cluster.ts';

let open: Scripted | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** Neighbours: every second document from behind, and five that the search itself does not find. */
async function cluster(given: Partial<Settings> = {}): Promise<Scripted> {
  open = await scripted({ vectorsFirstStage: 'hybrid', ...given });
  const strangers = Array.from({ length: 5 }, (_, at) => ({ id: `n${at}`, score: 40 + at }));
  open.neighbours = [...strangers, ...open.documents.filter((_, at) => at % 2).toReversed()];
  return open;
}

const json = JSON.stringify;
const match = { query: { match: { text: 'ice' } } };
const off = { 'x-mice': 'off' };
const idsIn = (text: string): string[] =>
  (JSON.parse(text).hits.hits as { _id: string }[]).map(({ _id }) => _id);

async function ask(at: Scripted, body: unknown, headers: Record<string, string> = {}, path = '/i/_search') {
  const answer = await raw(at.url, path, { body: typeof body === 'string' ? body : json(body), headers });
  return { ...answer, verdict: answer.headers['x-mice'] ?? '' };
}

const directly = async (at: Scripted, body: unknown) =>
  (await raw(at.clusterUrl, '/i/_search', { body: json(body), headers: { 'x-direct': '1' } })).text;

/** The order of the first stage, of all that the search itself finds and the neighbours in the window. */
function order({ documents, neighbours }: Scripted, kind: 'vector' | 'hybrid', window: number): string[] {
  const [own, near] = [documents, neighbours].map((list) => list.map(({ id }) => id));
  const first =
    kind === 'vector'
      ? near!.slice(0, window)
      : fuse([own!.slice(0, window), near!.slice(0, window)], window);
  return [...first, ...own!.filter((id) => !first.includes(id))];
}

describe('another first stage', () => {
  it('is one search by vector more, sent beside the own one, under its restrictions', async () => {
    const at = await cluster();
    const filter = '{"term":{"tenant":9007199254740993}}';
    const body = `{"query":{"bool":{"must":{"match":{"text":"ice"}},"filter":${filter}}},"post_filter":{"term":{"a":1}},"version":true,"aggs":{},"size":3,"from":1}`;
    const { verdict } = await ask(at, body, {}, '/i/_search?routing=r&typed_keys');
    expect(verdict).toMatch(/^reranked; window=\d+; .*; first-stage=hybrid$/);
    expect(at.seen).toHaveLength(2);
    const [near] = at.seen.filter((seen) => seen.body.includes('mice.vector'));
    const [own] = at.seen.filter((seen) => seen !== near);
    expect(own).toMatchObject({ body, url: expect.stringContaining('typed_keys&from=0&size=100') });
    expect(near!.url).toBe('/i/_search?routing=r&docvalue_fields=mice.states&from=0&size=100');
    expect(near!.body).toBe(
      `{"track_total_hits":false,"query":{"knn":{"mice.vector":{"vector":[0,1],"k":100,"filter":{"bool":{"filter":[{"bool":{"must":{"match_all":{}},"filter":${filter}}},{"term":{"a":1}},{"term":{"mice.model":"m@1"}}]}}}}},"version":true}`,
    );
  });

  it('gives the model its candidates, which come out by score', async () => {
    const at = await cluster();
    const { text, verdict } = await ask(at, { ...match, size: 40 });
    const scores = new Map([...at.documents, ...at.neighbours].map(({ id, score }) => [id, score]));
    const all = order(at, 'hybrid', 100);
    expect(idsIn(text)).toEqual(all.toSorted((a, b) => scores.get(b)! - scores.get(a)!));
    expect(verdict).toMatch(/^reranked; window=35; scored=35/);
    expect(JSON.parse(text).hits.total.value).toBe(30);
    expect(text.match(/9223372036854775807/g)).toHaveLength(35);
  });

  it('gives ranks their share in the score, except those that a cosine made', () => {
    const model = { bundle: { score: { firstStage: { kind: 'reciprocal-log2', weight: 3 } } } } as Parameters<
      typeof blendFor
    >[1];
    const weights = [undefined, 'as-sent', 'hybrid', 'vector'] as const;
    expect(weights.map((kind) => blendFor(kind && { kind }, model).weight)).toEqual([3, 3, 3, 0]);
  });

  it.each(['vector', 'hybrid'] as const)('cuts all pages from one order: %s', async (kind) => {
    const at = await cluster({ rerankWindow: 12, vectorsFirstStage: kind });
    const whole = order(at, kind, 12);
    const first = idsIn((await ask(at, { ...match, size: 12 })).text);
    const page = fc.record({ from: fc.nat({ max: 34 }), size: fc.integer({ min: 1, max: 20 }) });
    await fc.assert(
      fc.asyncProperty(page, async ({ from, size }) => {
        const unscored = await ask(at, { ...match, from, size }, off);
        expect(idsIn(unscored.text)).toEqual(whole.slice(from, from + size));
        expect(unscored.verdict).toBe(`skipped; reason=off; first-stage=${kind}`);
        const { text, verdict } = await ask(at, { ...match, from, size });
        expect(idsIn(text)).toEqual([...first, ...whole.slice(12)].slice(from, from + size));
        expect(verdict).toMatch(
          from < 12 ? /^reranked; window=12; .*first-stage=/ : /^skipped; reason=beyond-window; first-stage=/,
        );
      }),
      { numRuns: 25 },
    );
  });

  it('is chosen by header, body or a rule, in this order of precedence', async () => {
    const at = await cluster({
      vectorsFirstStage: 'as-sent',
      rerankRules: [{ index: 'i', first_stage: 'vector' }],
    });
    expect((await ask(at, match)).verdict).toMatch(/first-stage=vector$/);
    const inBody = { ...match, ext: { mice: { first_stage: 'hybrid' } } };
    expect((await ask(at, inBody)).verdict).toMatch(/first-stage=hybrid$/);
    expect((await ask(at, inBody, { 'x-mice-first-stage': 'as-sent' })).verdict).not.toContain('first-stage');
    expect((await ask(at, match, { 'x-mice-first-stage': 'best' })).status).toBe(400);
  });

  it.each([
    ['own-first-stage', { ...match, knn: { field: 'v', query_vector: [1], k: 3 } }],
    ['own-first-stage', { query: { bool: { must: [match.query, { knn: { v: { vector: [1] } } }] } } }],
    ['own-first-stage', { retriever: { standard: match } }],
    ['min-score', { ...match, min_score: 1 }],
    ['min-score', { query: { function_score: { query: match.query, min_score: 1 } } }],
  ])('is left out for %s: %j', async (reason, body) => {
    const at = await cluster();
    const { verdict } = await ask(at, body);
    expect(verdict).toMatch(new RegExp(`^reranked.*; first-stage=as-sent; first-stage-reason=${reason}$`));
    expect(at.seen).toHaveLength(1);
    expect((await ask(at, body, off)).verdict).toBe(
      `skipped; reason=off; first-stage=as-sent; first-stage-reason=${reason}`,
    );
  });

  it('is left out where the answer is to be that of the cluster', async () => {
    const at = await cluster();
    const { text, verdict } = await ask(at, match, { 'x-mice': 'shadow' });
    expect(verdict).toMatch(/^shadow.*; first-stage=as-sent; first-stage-reason=shadow$/);
    expect(text).toBe(await directly(at, match));
  });
});

describe('where no neighbours come, a search', () => {
  const isNear = ({ body }: { body: string }) => body.includes('mice.vector');

  it.each([
    [
      'vector-refused',
      (at: Scripted) => {
        at.answer = (seen) => (isNear(seen) ? { status: 400, body: '{"error":{}}' } : undefined);
      },
    ],
    [
      'vector-refused',
      (at: Scripted) => {
        at.answer = (seen) => (isNear(seen) ? { status: 403, body: '<html>' } : undefined);
      },
    ],
    [
      'no-vectors',
      (at: Scripted) => {
        at.neighbours = [];
      },
    ],
    [
      'encoder-failed',
      (at: Scripted) => {
        at.modelFails = true;
      },
    ],
  ] as const)('is answered as the cluster does, and says so: %s %#', async (reason, break_) => {
    const at = await cluster();
    break_(at);
    const { text, verdict } = await ask(at, match, off);
    expect(verdict).toBe(`skipped; reason=off; first-stage=as-sent; first-stage-reason=${reason}`);
    expect(text).toBe(await directly(at, match));
    expect(await at.metrics()).toContain(`mice_first_stage_total{kind="as-sent",reason="${reason}"} 1`);
  });

  it('says when only some shards gave theirs', async () => {
    const at = await cluster();
    at.answer = (seen) =>
      isNear(seen)
        ? {
            status: 200,
            body: '{"_shards":{"total":2,"failed":1},"hits":{"hits":[{"_index":"i","_id":"n","_score":1.0}]}}',
          }
        : undefined;
    const { text, verdict } = await ask(at, match, off);
    expect(verdict).toMatch(/first-stage=hybrid; first-stage-reason=partial$/);
    expect(idsIn(text)).toContain('n');
  });

  it('has the error of the cluster where its own search fails', async () => {
    const at = await cluster();
    at.answer = (seen) => (isNear(seen) ? undefined : { status: 404, body: '{"error":"none"}' });
    const { status, text, verdict } = await ask(at, match);
    expect([status, text, verdict]).toEqual([404, '{"error":"none"}', 'skipped; reason=upstream-status']);
  });
});

describe('several searches with another first stage', () => {
  it('go as one request with further lines, whose answers are taken out again', async () => {
    const at = await cluster();
    const all = '{ "query":{"match_all":{}}, "size":1 }';
    const body = `{"index":"i","preference":"p"}\n${json({ ...match, size: 40 })}\n{}\n${all}\n`;
    const { text, verdict } = await ask(at, body, {}, '/_msearch');
    expect(verdict).toMatch(/^reranked; window=35; .*first-stage=hybrid, skipped; reason=no-query-text$/);
    expect(at.seen).toHaveLength(1);
    const lines = at.seen[0]!.body.split('\n');
    expect([lines.length, lines[3], lines[4]]).toEqual([7, all, '{"index":"i","preference":"p"}']);
    const { responses } = JSON.parse(text) as { responses: object[] };
    expect(responses).toHaveLength(2);
    expect(idsIn(json(responses[0]))).toEqual(idsIn((await ask(at, { ...match, size: 40 })).text));
  });

  it('have the fused order without re-ranking, and that of the cluster where the vector fails', async () => {
    const at = await cluster();
    const lines = `{}\n${json(match)}\n`;
    const answer = async () => {
      const { text, verdict } = await ask(at, lines, off, '/_msearch');
      return [idsIn(json(JSON.parse(text).responses[0])), verdict];
    };
    expect(await answer()).toEqual([
      order(at, 'hybrid', 100).slice(0, 10),
      'skipped; reason=off; first-stage=hybrid',
    ]);
    at.modelFails = true;
    expect(await answer()).toEqual([
      at.documents.slice(0, 10).map(({ id }) => id),
      'skipped; reason=off; first-stage=as-sent; first-stage-reason=encoder-failed',
    ]);
  });
});

it('a template is searched for with another first stage like what it stands for', async () => {
  const at = await cluster();
  const template = { source: '{"query":{"match":{"text":"{{q}}"}}}', params: { q: 'ice' } };
  const { text } = await ask(at, template, off, '/i/_search/template');
  expect(idsIn(text)).toEqual(order(at, 'hybrid', 100).slice(0, 10));
});
