/** The ways of searching that can be compared. */
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import type { GraphRole } from '../model/manifest.ts';
import { fuse } from '../proxy/fuse.ts';
import { bm25Search, DEPTH, storedRunSearch } from './bm25.ts';
import type { Rescore } from './cross-encoder.ts';
import type { JudgedQuery } from './dataset.ts';
import type { EmbedQuery, QueryGraph } from './embeddings.ts';
import type { IndexKind } from './indices.ts';
import type { Texts } from './texts.ts';

/** In the order of the stages; the first that is asked is the one the others are compared with. */
export const modeNames = [
  'bm25',
  'vector',
  'vector-fast',
  'hybrid',
  'mice',
  'hybrid+mice',
  'cross-encoder',
] as const;
export type ModeName = (typeof modeNames)[number];

/** One answer: document ids, best first, and what the proxy said about it (`x-mice`), if it was asked. */
export interface Ranked {
  readonly ids: readonly string[];
  readonly verdict?: string;
}

/** What a mode searches with. */
export interface Searchers {
  readonly engine: Engine;
  /** The same engine, asked through the proxy. */
  readonly proxied: Engine;
  readonly embed: EmbedQuery;
  readonly rescore: Rescore;
  /** Texts of the documents; empty where no mode needs them. */
  readonly texts: Texts;
  /** Hits that are re-ranked. */
  readonly window: number;
}

export interface Mode {
  readonly index: IndexKind;
  /** A graph that not every bundle has. */
  readonly needs?: GraphRole;
  readonly search: (searchers: Searchers, index: string, query: JudgedQuery) => Promise<Ranked>;
}

/** The proxy may take as long as it needs: what is measured is its best order, and its time beside it. */
const DEADLINE_MS = 600_000;

type SearchBody = Readonly<Record<string, unknown>>;

const firstStage = ({ text, candidates }: JudgedQuery) =>
  candidates === undefined ? bm25Search(text) : storedRunSearch(candidates);

/** A stored run is searched by ids: only there the proxy has to be told the words. */
const wordsOf = ({ text, candidates }: JudgedQuery) => (candidates === undefined ? {} : { query: text });

async function idsOf(engine: Engine, index: string, body: SearchBody): Promise<readonly string[]> {
  const { hits } = await engine.search(index, body);
  return hits.map(({ id }) => id);
}

/** The nearest neighbours of the query's vector among the documents' vectors, asked directly at the engine. */
async function nearest(
  { engine, embed }: Searchers,
  index: string,
  { text }: JudgedQuery,
  graph: QueryGraph,
): Promise<readonly string[]> {
  const vector = await embed(text, graph);
  const neighbours = engine.vectorSearch({ field: 'mice.vector', vector, k: DEPTH });
  return idsOf(engine, index, { size: DEPTH, _source: false, ...neighbours });
}

/** Both first stages one after the other, fused. */
async function fused(searchers: Searchers, index: string, query: JudgedQuery): Promise<readonly string[]> {
  const words = await idsOf(searchers.engine, index, firstStage(query));
  return fuse([words, await nearest(searchers, index, query, 'query')], DEPTH);
}

/** A first stage through the proxy, which re-orders its window. */
async function reranked(
  { proxied, window }: Searchers,
  index: string,
  body: SearchBody,
  words: { readonly query?: string },
): Promise<Ranked> {
  const mice = { window, deadline: DEADLINE_MS, ...words };
  const { hits, headers } = await proxied.search(index, { ...body, ext: { mice } });
  return { ids: hits.map(({ id }) => id), verdict: headers['x-mice'] ?? 'absent' };
}

export const modes: Readonly<Record<ModeName, Mode>> = {
  /** The first stage alone, asked directly at the engine. */
  bm25: {
    index: 'plain',
    search: async ({ engine }, index, query) => ({ ids: await idsOf(engine, index, firstStage(query)) }),
  },
  vector: {
    index: 'enriched',
    search: async (searchers, index, query) => ({ ids: await nearest(searchers, index, query, 'query') }),
  },
  /** The same vectors of documents, searched with the distilled encoder's vector of the query. */
  'vector-fast': {
    index: 'enriched',
    needs: 'query-fast',
    search: async (searchers, index, query) => ({
      ids: await nearest(searchers, index, query, 'query-fast'),
    }),
  },
  hybrid: {
    index: 'enriched',
    search: async (searchers, index, query) => ({ ids: await fused(searchers, index, query) }),
  },
  mice: {
    index: 'enriched',
    search: (searchers, index, query) => reranked(searchers, index, firstStage(query), wordsOf(query)),
  },
  /** The fused order, searched as a stored run is, so that the proxy finds its candidates in it. */
  'hybrid+mice': {
    index: 'enriched',
    search: async (searchers, index, query) => {
      const candidates = await fused(searchers, index, query);
      return reranked(searchers, index, storedRunSearch(candidates), { query: query.text });
    },
  },
  /** The first stage's window, each document read together with the query; behind it the first stage's order. */
  'cross-encoder': {
    index: 'plain',
    needs: 'cross-encoder',
    search: async ({ engine, rescore, texts, window }, index, query) => {
      const size = Math.max(window, DEPTH);
      const found = await idsOf(engine, index, { ...firstStage(query), size });
      const candidates = found.slice(0, window).map((id) => ({ id, text: texts.get(id) ?? '' }));
      const ids = [...(await rescore(query.text, candidates)), ...found.slice(window)];
      return { ids: ids.slice(0, DEPTH) };
    },
  },
};

/**
 * Reads a comma-separated list of modes.
 *
 * @throws MiceError `bad-option` naming the accepted ones
 */
export function parseModes(list: string): readonly ModeName[] {
  const asked = list.split(',').map((name) => name.trim());
  const unknown = asked.find((name) => !modeNames.some((known) => known === name));
  if (unknown !== undefined) {
    throw new MiceError('bad-option', `There is no mode ${JSON.stringify(unknown)}.`, {
      hint: `Accepted modes: ${modeNames.join(', ')}; several are separated by commas.`,
    });
  }
  return modeNames.filter((name) => asked.includes(name));
}

/**
 * The modes to measure with a bundle that has `graphs`: `asked`, or all it can serve.
 *
 * @throws MiceError `bad-option` naming what the bundle lacks and the modes it serves
 */
export function chooseModes(
  asked: readonly ModeName[] | undefined,
  graphs: ReadonlySet<string>,
  bundle: string,
): readonly ModeName[] {
  const lacks = (name: ModeName) => modes[name].needs !== undefined && !graphs.has(modes[name].needs);
  const served = modeNames.filter((name) => !lacks(name));
  const unserved = asked?.find(lacks);
  if (unserved === undefined) return asked ?? served;
  throw new MiceError(
    'bad-option',
    `The mode ${unserved} needs the graph ${modes[unserved].needs}, which the bundle ${bundle} does not have.`,
    { hint: `Modes this bundle serves: ${served.join(', ')}.` },
  );
}
