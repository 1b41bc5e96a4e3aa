/** The first stage that everything is measured against, and every constant it depends on. */
import type { Engine, IndexBody, MiceFields } from '../engine/port.ts';
import { send } from './send.ts';

/** k1 and b are those of the published BEIR and MS MARCO baselines; docs/evaluation.md says what the rest gives. */
export const BM25 = {
  k1: 0.9,
  b: 0.4,
  fields: ['title^1', 'text'],
  type: 'best_fields',
  tieBreaker: 0.5,
} as const;

/** `english` stems and drops stop words. `standard` only drops them: for builds without language analyzers. */
const analyzers = {
  english: { type: 'english' },
  standard: { type: 'standard', stopwords: '_english_' },
} as const;

export type AnalyzerName = keyof typeof analyzers;

/** The better of the analyzers that this engine has, which it is asked for: builds of one version differ. */
export async function analyzerOf({ address }: Pick<Engine, 'address'>): Promise<AnalyzerName> {
  const { url, headers } = address;
  const body = JSON.stringify({ analyzer: 'english', text: 'seas' });
  const { status } = await send(new URL('/_analyze', url), { method: 'POST', headers, body });
  return status === 200 ? 'english' : 'standard';
}

/** Hits asked for in every mode: the depth of recall@100. */
export const DEPTH = 100;

/** One shard without replicas, so that scores come from the statistics of the whole collection. */
const settingsOf = (analyzer: AnalyzerName) => ({
  number_of_shards: 1,
  number_of_replicas: 0,
  // Sizes are asked for right after a merge; the engines would repeat the one before it for 10 s.
  'store.stats_refresh_interval': '0s',
  similarity: { default: { type: 'BM25', k1: BM25.k1, b: BM25.b } },
  analysis: { analyzer: { default: analyzers[analyzer] } },
});

const texts = { title: { type: 'text' }, text: { type: 'text' } };

/** A create-index body for title and text alone, or with room for vectors and states where `fields` is given. */
export function indexBody(
  engine: Pick<Engine, 'indexBody'>,
  analyzer: AnalyzerName,
  fields?: MiceFields,
): IndexBody {
  const settings = settingsOf(analyzer);
  if (fields === undefined) return { settings: { index: settings }, mappings: { properties: texts } };
  const own = engine.indexBody(fields);
  const [ownIndex, ownProperties] = [own.settings['index'], own.mappings['properties']];
  return {
    settings: { ...own.settings, index: { ...(ownIndex as object | undefined), ...settings } },
    mappings: { ...own.mappings, properties: { ...(ownProperties as object | undefined), ...texts } },
  };
}

type SearchBody = Readonly<Record<string, unknown>>;

/** Title and text searched for the words of a query. */
export function bm25Search(text: string): SearchBody {
  const { fields, type, tieBreaker } = BM25;
  const match = { query: text, fields: [...fields], type, tie_breaker: tieBreaker };
  return { size: DEPTH, _source: false, query: { multi_match: match } };
}

/**
 * A search whose answer is exactly `candidates` in that order: every candidate matches one clause, whose
 * constant score falls by one from rank to rank.
 */
export function storedRunSearch(candidates: readonly string[]): SearchBody {
  const should = candidates.map((id, at) => ({
    constant_score: { filter: { ids: { values: [id] } }, boost: candidates.length - at },
  }));
  // A bool query without clauses matches everything.
  const query = should.length === 0 ? { match_none: {} } : { bool: { should } };
  return { size: DEPTH, _source: false, query };
}
