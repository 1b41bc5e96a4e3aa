/**
 * The search by vector that a first stage adds to the caller's own: the nearest neighbours of the question's vector
 * that the caller's filters admit, shown as the caller's hits are. Pure.
 */
import type { FirstStageKind } from '../config/index-rules.ts';
import type { Engine } from '../engine/port.ts';
import { cutsOf, membersOf, skipSpace, without } from '../json/spans.ts';
import { type Node, treeOrNone } from '../json/tree.ts';
import { isPlainQuestion, isSameText, restrictionOf } from './restriction.ts';
import { parameterIn, type Target, withoutParameters, withParameters } from './target.ts';
import { foreignMembers } from './vector-texts.ts';
import type { FirstStageReason } from './verdicts.ts';

export interface NearSearch {
  readonly kind: Exclude<FirstStageKind, 'as-sent'>;
  /** The caller's body without what is asked, counted or cut in it: what is left says how a hit is shown. */
  readonly body: Buffer;
  /** JSON texts. */
  readonly filters: readonly string[];
  /** Neighbours to ask for. */
  readonly hits: number;
}

/** Parts of a body that are no matter of which hits are near or of how they are shown; what is unknown stays. */
const notOfHits: readonly string[] = [
  'query',
  'post_filter',
  'from',
  'size',
  'sort',
  'aggs',
  'aggregations',
  'suggest',
  'track_total_hits',
  'track_scores',
  'terminate_after',
  'stats',
  'ext',
];

const parametersNotOfHits: readonly string[] = [
  'q',
  'analyze_wildcard',
  'analyzer',
  'default_operator',
  'df',
  'lenient',
  'rest_total_hits_as_int',
  'sort',
  'source',
  'source_content_type',
  'stats',
  'suggest_field',
  'suggest_mode',
  'suggest_size',
  'suggest_text',
  'terminate_after',
  'track_scores',
  'track_total_hits',
  'typed_keys',
];

/** Clauses that make a first stage of their own. */
const ownFirstStage: ReadonlySet<string> = new Set(['knn', 'neural', 'hybrid']);

export interface NearDemand {
  readonly kind: NearSearch['kind'];
  /** The search's body as the caller sent it; a JSON object or nothing. */
  readonly body: Buffer;
  readonly target: Target;
  readonly hits: number;
  /** The question, which is that of the query's words unless the caller states another. */
  readonly question: string;
  /** Whether clauses on a field are part of the question. */
  readonly asks: (field: string) => boolean;
}

/** The search by vector beside a search; the reason where there can be none. */
export function nearSearchOf({
  kind,
  body: sent,
  target,
  hits,
  question,
  asks,
}: NearDemand): NearSearch | FirstStageReason {
  const body = skipSpace(sent, 0) === sent.length ? Buffer.from('{}') : sent;
  const root = treeOrNone(body);
  if (root === undefined) return 'query-form';
  const part = (name: string) => root.members?.findLast(({ key }) => key === name)?.value;
  const [query, postFilter] = [part('query'), part('post_filter')];
  if (['retriever', 'sub_searches', 'rank', 'knn'].some(part) || (query && holds(query, ownFirstStage)))
    return 'own-first-stage';
  if (part('min_score') || (query && holds(query, new Set(['min_score'])))) return 'min-score';
  const q = parameterIn(target, 'q');
  if (q !== undefined && !(isPlainQuestion(q) && isSameText(q, question))) return 'query-form';
  const filter = q === undefined && query ? restrictionOf(body, query, question, asks).filter : undefined;
  const filters = [filter, postFilter && body.toString('utf8', postFilter.span.start, postFilter.span.end)];
  const start = skipSpace(body, 0);
  const members = membersOf(body, start);
  const gone = members.filter(({ key }) => notOfHits.includes(key));
  return {
    kind,
    body: without(body, cutsOf(members, gone)),
    filters: filters.filter((one) => one !== undefined),
    hits,
  };
}

export interface NearPlace {
  readonly engine: Pick<Engine, 'vectorMembers'>;
  /** Name of the object that holds the vectors. */
  readonly object: string;
  /** Whose vectors, as its field `model` says. */
  readonly model: string;
}

/**
 * The body that asks for the neighbours of `vector`, among vectors of the same bundle: after a change of bundles those
 * of the one before stand in the same field until they are made anew.
 */
export function nearBody(
  { body, filters, hits }: NearSearch,
  vector: Float32Array,
  { engine, object, model }: NearPlace,
): Buffer {
  const start = skipSpace(body, 0);
  const others = membersOf(body, start).length > 0 ? ',' : '';
  const query = { field: `${object}.vector`, vector, k: hits };
  const ofModel = JSON.stringify({ term: { [`${object}.model`]: model } });
  const asked = `"track_total_hits":false,${engine.vectorMembers(query, [...filters, ofModel])}`;
  return Buffer.concat([body.subarray(0, start + 1), Buffer.from(asked + others), body.subarray(start + 1)]);
}

/** The same target for the search by vector. */
export function nearTarget(target: Target, hits: number): Target {
  return withParameters(withoutParameters(target, parametersNotOfHits), { from: '0', size: String(hits) });
}

function holds({ members = [], elements = [] }: Node, names: ReadonlySet<string>): boolean {
  return (
    elements.some((element) => holds(element, names)) ||
    members.some(({ key, value }) => names.has(key) || (!foreignMembers.has(key) && holds(value, names)))
  );
}
