import { describe, expect, test } from 'vitest';
import type { Engine, SearchAnswer, VectorQuery } from '../../../src/engine/port.ts';
import { bm25Search, storedRunSearch } from '../../../src/evaluate/bm25.ts';
import type { JudgedQuery } from '../../../src/evaluate/dataset.ts';
import { chooseModes, modeNames, modes, parseModes, type Searchers } from '../../../src/evaluate/modes.ts';
import { fuse } from '../../../src/proxy/fuse.ts';

describe('a list of modes', () => {
  test('may have spaces and repetitions, and is asked in the order of the stages', () => {
    expect(parseModes('hybrid+mice, mice, bm25,mice')).toEqual(['bm25', 'mice', 'hybrid+mice']);
  });

  test.each(['magic', 'BM25', ''])('with %j in it is refused, with the accepted ones', (name) => {
    expect(() => parseModes(`bm25,${name}`)).toThrow(
      expect.objectContaining({
        code: 'bad-option',
        message: expect.stringContaining(JSON.stringify(name)),
        hint: expect.stringContaining('bm25, vector, vector-fast, hybrid, mice, hybrid+mice, cross-encoder'),
      }),
    );
  });
});

describe('a bundle', () => {
  const small = new Set(['document', 'query', 'interaction']);

  test('with every graph serves every mode', () => {
    const all = new Set([...small, 'query-fast', 'cross-encoder']);
    expect(chooseModes(undefined, all, 'm@1')).toEqual(modeNames);
  });

  test('without optional graphs serves the others, and these are what is measured unless named', () => {
    expect(chooseModes(undefined, small, 'm@1')).toEqual(['bm25', 'vector', 'hybrid', 'mice', 'hybrid+mice']);
    expect(chooseModes(['mice'], small, 'm@1')).toEqual(['mice']);
  });

  test.each([
    ['vector-fast', 'query-fast'],
    ['cross-encoder', 'cross-encoder'],
  ] as const)('without its graph refuses %s, with the modes it serves', (mode, graph) => {
    expect(() => chooseModes(['bm25', mode], small, 'm@1')).toThrow(
      expect.objectContaining({
        code: 'bad-option',
        message: `The mode ${mode} needs the graph ${graph}, which the bundle m@1 does not have.`,
        hint: 'Modes this bundle serves: bm25, vector, hybrid, mice, hybrid+mice.',
      }),
    );
  });
});

/** What stands in for a cluster and its proxy: fixed orders of words and vectors, and what they were asked. */
function standIn(window = 100) {
  const words = Array.from({ length: 120 }, (_, at) => `w${at}`).with(1, 'both');
  const neighbours = Array.from({ length: 100 }, (_, at) => `v${at}`).with(0, 'both');
  const asked: { readonly whom: string; readonly body: Readonly<Record<string, unknown>> }[] = [];
  const answer = (ids: readonly string[]): SearchAnswer => ({
    tookMs: 1,
    hits: ids.map((id) => ({ id, score: 1 })),
    headers: { 'x-mice': 'reranked; window=100' },
  });
  const engine = (whom: string): Engine =>
    ({
      vectorSearch: ({ vector }: VectorQuery) => ({ nearest: vector }),
      search: async (_: string, body: Readonly<Record<string, unknown>>) => {
        asked.push({ whom, body });
        return answer('nearest' in body ? neighbours : words.slice(0, Number(body['size'])));
      },
    }) as Partial<Engine> as Engine;
  const rescored: unknown[] = [];
  const searchers: Searchers = {
    engine: engine('engine'),
    proxied: engine('proxy'),
    embed: async (text, graph) => {
      asked.push({ whom: graph, body: { text } });
      return graph === 'query' ? [1, 0] : [0, 1];
    },
    rescore: async (query, candidates) => {
      rescored.push({ query, candidates });
      return candidates.map(({ id }) => id).reverse();
    },
    texts: new Map([['w0', 'Title\ntext of w0']]),
    window,
  };
  return { searchers, asked, rescored, words, neighbours };
}

const query: JudgedQuery = { id: 'q', text: 'deep sea', grades: new Map() };

describe('each mode', () => {
  test('vector-fast searches with the vector of the distilled encoder', async () => {
    const { searchers, asked, neighbours } = standIn();
    expect(await modes['vector-fast'].search(searchers, 'i', query)).toEqual({ ids: neighbours });
    expect(asked).toEqual([
      { whom: 'query-fast', body: { text: 'deep sea' } },
      { whom: 'engine', body: { size: 100, _source: false, nearest: [0, 1] } },
    ]);
  });

  test('hybrid fuses the first 100 of both searches, words first, to 100', async () => {
    const { searchers, asked, words, neighbours } = standIn();
    const { ids } = await modes.hybrid.search(searchers, 'i', query);
    expect(ids).toEqual(fuse([words.slice(0, 100), neighbours], 100));
    expect(ids.slice(0, 4)).toEqual(['both', 'w0', 'v1', 'w2']);
    expect(asked.map(({ whom }) => whom)).toEqual(['engine', 'query', 'engine']);
    expect(asked[0]!.body).toEqual(bm25Search('deep sea'));
  });

  test('hybrid takes the stored run where there is one', async () => {
    const { searchers, asked } = standIn();
    await modes.hybrid.search(searchers, 'i', { ...query, candidates: ['a', 'b'] });
    expect(asked[0]!.body).toEqual(storedRunSearch(['a', 'b']));
  });

  test('hybrid+mice has the fused order re-ranked by the words of the query', async () => {
    const { searchers, asked, words, neighbours } = standIn(50);
    const { verdict } = await modes['hybrid+mice'].search(searchers, 'i', query);
    const fused = fuse([words.slice(0, 100), neighbours], 100);
    const { whom, body } = asked.at(-1)!;
    expect(whom).toBe('proxy');
    expect(body).toEqual({
      ...storedRunSearch(fused),
      ext: { mice: { window: 50, deadline: 600_000, query: 'deep sea' } },
    });
    expect(verdict).toBe('reranked; window=100');
  });

  test('mice asks what bm25 asks, through the proxy', async () => {
    const { searchers, asked } = standIn();
    await modes.mice.search(searchers, 'i', query);
    expect(asked).toEqual([
      {
        whom: 'proxy',
        body: { ...bm25Search('deep sea'), ext: { mice: { window: 100, deadline: 600_000 } } },
      },
    ]);
  });

  test('cross-encoder has its window of bm25 re-scored by texts; what is behind follows', async () => {
    const { searchers, rescored, words } = standIn(3);
    const { ids } = await modes['cross-encoder'].search(searchers, 'i', query);
    expect(ids).toEqual(['w2', 'both', 'w0', ...words.slice(3, 100)]);
    expect(rescored).toEqual([
      {
        query: 'deep sea',
        candidates: [
          { id: 'w0', text: 'Title\ntext of w0' },
          { id: 'both', text: '' },
          { id: 'w2', text: '' },
        ],
      },
    ]);
  });

  test('cross-encoder reaches as deep as its window, and answers with 100', async () => {
    const { searchers, asked, words } = standIn(120);
    const { ids } = await modes['cross-encoder'].search(searchers, 'i', query);
    expect(asked[0]!.body).toMatchObject({ size: 120 });
    expect(ids).toEqual(words.toReversed().slice(0, 100));
  });
});
