/** What an evaluation is made of: a corpus, queries, and judgements of which documents answer them. */
import { createHash } from 'node:crypto';
import type { Grades } from './judgements.ts';

export interface CorpusDocument {
  readonly id: string;
  /** Empty where the collection has no titles. */
  readonly title: string;
  readonly text: string;
}

export interface JudgedQuery {
  readonly id: string;
  readonly text: string;
  readonly grades: Grades;
  /** The stored first stage, best first; only in a data set with `firstStage: 'stored'`. */
  readonly candidates?: readonly string[];
}

export interface Corpus {
  readonly documents: number;
  /** Hex digest over ids, titles and texts in order: equal for equal collections, wherever they lie. */
  readonly fingerprint: string;
  read(): AsyncIterable<CorpusDocument>;
}

export interface Dataset {
  /** Name of the directory or file, without its endings. */
  readonly name: string;
  /** `search`: the engine finds candidates. `stored`: every query brings its own, see `candidates`. */
  readonly firstStage: 'search' | 'stored';
  readonly corpus: Corpus;
  /** Only queries with judgements, in the order of their file. */
  readonly queries: readonly JudgedQuery[];
  /** Judged queries without a text; they cannot be asked and are left out. */
  readonly unknownQueries: number;
}

/**
 * A fixed sample of `limit` queries, in their old order: those whose ids have the smallest hashes. Files are
 * often sorted by topic, so the first ones would not represent the rest; and a smaller sample lies in a larger.
 */
export function sampleQueries(queries: readonly JudgedQuery[], limit: number): readonly JudgedQuery[] {
  if (queries.length <= limit) return queries;
  const ranked = queries.map((query) => ({
    query,
    digest: createHash('sha256').update(query.id).digest('hex'),
  }));
  ranked.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const chosen = new Set(ranked.slice(0, limit).map(({ query }) => query));
  return queries.filter((query) => chosen.has(query));
}

/** Joins queries and judgements. @throws nothing; queries without judgements are left out */
export function judgedQueries(
  texts: ReadonlyMap<string, string>,
  judgements: ReadonlyMap<string, Grades>,
): Pick<Dataset, 'queries' | 'unknownQueries'> {
  const queries: JudgedQuery[] = [];
  for (const [id, text] of texts) {
    const grades = judgements.get(id);
    if (grades !== undefined) queries.push({ id, text, grades });
  }
  return { queries, unknownQueries: judgements.size - queries.length };
}
