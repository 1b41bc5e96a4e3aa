/** The ways of searching that can be compared. */
import type { Engine } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { bm25Search, DEPTH, storedRunSearch } from './bm25.ts';
import type { JudgedQuery } from './dataset.ts';
import type { EmbedQuery } from './embeddings.ts';
import type { IndexKind } from './indices.ts';

export const modeNames = ['bm25', 'vector', 'mice'] as const;
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
  /** Hits that the proxy re-ranks. */
  readonly window: number;
}

export interface Mode {
  readonly index: IndexKind;
  readonly search: (searchers: Searchers, index: string, query: JudgedQuery) => Promise<Ranked>;
}

/** The proxy may take as long as it needs: what is measured is its best order, and its time beside it. */
const DEADLINE_MS = 600_000;

const firstStage = ({ text, candidates }: JudgedQuery) =>
  candidates === undefined ? bm25Search(text) : storedRunSearch(candidates);

/** A stored run is searched by ids: only there the proxy has to be told the words. */
const wordsOf = ({ text, candidates }: JudgedQuery) => (candidates === undefined ? {} : { query: text });

export const modes: Readonly<Record<ModeName, Mode>> = {
  /** The first stage alone, asked directly at the engine. */
  bm25: {
    index: 'plain',
    search: async ({ engine }, index, query) => {
      const { hits } = await engine.search(index, firstStage(query));
      return { ids: hits.map(({ id }) => id) };
    },
  },
  /** The nearest neighbours of the query's vector among the documents' vectors, asked directly at the engine. */
  vector: {
    index: 'enriched',
    search: async ({ engine, embed }, index, query) => {
      const nearest = engine.vectorSearch({
        field: 'mice.vector',
        vector: await embed(query.text),
        k: DEPTH,
      });
      const { hits } = await engine.search(index, { size: DEPTH, _source: false, ...nearest });
      return { ids: hits.map(({ id }) => id) };
    },
  },
  /** The first stage through the proxy, which re-orders its window. */
  mice: {
    index: 'enriched',
    search: async ({ proxied, window }, index, query) => {
      const mice = { window, deadline: DEADLINE_MS, ...wordsOf(query) };
      const { hits, headers } = await proxied.search(index, { ...firstStage(query), ext: { mice } });
      return { ids: hits.map(({ id }) => id), verdict: headers['x-mice'] ?? 'absent' };
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
