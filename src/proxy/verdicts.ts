/** What became of a search, and why: the `x-mice` header, the log field and the metric labels. */
import type { FirstStageKind } from '../config/index-rules.ts';

/** Reasons for leaving a search to the cluster alone; the words are stable. */
export const skipReasons = {
  off: 'The request or the configuration switched re-ranking off.',
  'media-type': 'Request or answer is not JSON (CBOR, SMILE and YAML pass through).',
  'unreadable-body': 'The body is not a JSON object; the cluster says what is wrong with it.',
  'too-large': 'Request or answer is over limit.body.',
  'no-query-text': 'The search asks nothing in words.',
  'size-0': 'No hits were asked for.',
  sort: 'The caller asked for an order of its own.',
  'search-after': 'The caller pages by sort values.',
  'point-in-time': 'The caller holds a point in time, in order to page by sort values.',
  scroll: 'The caller reads everything in batches.',
  collapse: 'Collapsed hits are groups, not documents.',
  rescore: 'The caller re-scores by itself.',
  profile: 'The caller wants the profile of its own search, not of a wider one.',
  'stored-fields': 'Hits come without ids (`_none_`).',
  'filter-path': 'The caller sees no hits, or forbids what is needed to know them.',
  page: '`from` or `size` is no whole number; the cluster says what is wrong with it.',
  share: 'The search is not in the share of the traffic that is re-ranked.',
  async: 'The answer is kept by the cluster, or not complete yet, for the caller to fetch later.',
  template: 'The template could not be rendered; the cluster says what is wrong with it.',
  'beyond-window': 'The page lies behind the window; it is in the order of the cluster.',
  'no-hits': 'Nothing was found.',
  'upstream-status': 'The cluster answered with an error.',
  'unreadable-answer': 'The answer of the cluster is not one with hits.',
} as const;

/** Reasons for an answer in the order of the cluster, wholly or from some rank on, though re-ranking was wanted. */
export const degradeReasons = {
  deadline: 'Not every candidate could be scored in time; the rest follows in the order of the cluster.',
  'no-text': 'Some candidates have no text to read; they follow in the order of the cluster.',
  'no-source': 'The texts of some candidates could not be read from the cluster.',
  overloaded: 'Too many searches wait for the model: a part of the window was scored, or none.',
  'model-failed': 'The model failed.',
  'model-rests': 'The model failed several times in a row and is left alone for a while.',
} as const;

/** Reasons for candidates as the search itself finds them, though others were wanted, or for fewer of the others. */
export const firstStageReasons = {
  'own-first-stage': 'The search brings a first stage of its own: a vector, a retriever or a fusion.',
  'min-score': 'The search cuts by its own scores, which neighbours of a vector do not have.',
  'query-form':
    'The search restricts in the URL (`q`), or is nested too deeply to tell its restrictions from its words.',
  shadow: 'A shadow search is answered as the cluster does.',
  'no-vectors': 'No document that the search may find has a vector.',
  'vector-refused':
    'The cluster refused the search by vector, or did not answer it in a form that can be read.',
  'encoder-failed': 'The vector of the question could not be made.',
  deadline: 'The neighbours were not found in time.',
  partial: 'Not every shard gave its neighbours; those that came were used.',
} as const;

export type FirstStageReason = keyof typeof firstStageReasons;

/** Where the candidates of a search came from, where something else than its own search was wanted. */
export interface UsedFirstStage {
  readonly kind: FirstStageKind;
  readonly reason?: FirstStageReason | undefined;
}

export type SkipReason = keyof typeof skipReasons;
export type DegradeReason = keyof typeof degradeReasons;

/** How re-ranking changed an order. */
export interface RankChanges {
  /** Share of the first page that is the same in both orders, 0 to 1. */
  readonly overlap: number;
  /** Kendall's tau between both orders of the scored hits, -1 to 1. */
  readonly tau: number;
  /** nDCG@10 of both orders, where the question has judgements. */
  readonly ndcg?: { readonly before: number; readonly after: number } | undefined;
}

export type Verdict =
  | {
      readonly outcome: 'skipped';
      readonly reason: SkipReason;
      readonly firstStage?: UsedFirstStage | undefined;
    }
  | {
      readonly outcome: 'reranked' | 'degraded' | 'shadow';
      readonly reason?: DegradeReason;
      readonly window: number;
      readonly scored: number;
      /** Passages of the scored hits, where they are more. */
      readonly passages?: number;
      /** Scored hits whose text is longer than what is read of it, where there are some. */
      readonly truncated?: number;
      readonly model: string;
      readonly tookMs: number;
      readonly changes?: RankChanges;
      readonly firstStage?: UsedFirstStage | undefined;
    };

/** The header's value, e.g. `reranked; window=100; scored=100; model=…; took=12`. */
export function verdictHeader(verdict: Verdict): string {
  const from = printFirstStage(verdict.firstStage);
  if (verdict.outcome === 'skipped') return `skipped; reason=${verdict.reason}${from}`;
  const { outcome, reason, window, scored, passages, truncated, model, tookMs, changes } = verdict;
  const long = `${passages ? ` passages=${passages};` : ''}${truncated ? ` truncated=${truncated};` : ''}`;
  const why = reason === undefined ? '' : ` reason=${reason};`;
  const line = `${outcome};${why} window=${window}; scored=${scored};${long} model=${model}; took=${Math.round(tookMs)}${from}`;
  if (changes === undefined) return line;
  const { overlap, tau, ndcg } = changes;
  const gain = ndcg && `; ndcg-before=${ndcg.before.toFixed(4)}; ndcg-after=${ndcg.after.toFixed(4)}`;
  return `${line}; overlap=${overlap.toFixed(2)}; tau=${tau.toFixed(3)}${gain ?? ''}`;
}

function printFirstStage(used: UsedFirstStage | undefined): string {
  if (used === undefined) return '';
  const why = used.reason === undefined ? '' : `; first-stage-reason=${used.reason}`;
  return `; first-stage=${used.kind}${why}`;
}

/** Verdicts of one request that are listed one by one; of more only the counts are. */
const LISTED = 16;

/** The header of a request with several searches: their verdicts in order, or how many there are of each kind. */
export function verdictsHeader(verdicts: readonly Verdict[]): string {
  if (verdicts.length <= LISTED) return verdicts.map(verdictHeader).join(', ');
  const count = (outcome: Verdict['outcome']) =>
    verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const counts = (['reranked', 'degraded', 'shadow', 'skipped'] as const).map(
    (outcome) => `${outcome}=${count(outcome)}`,
  );
  return `several; searches=${verdicts.length}; ${counts.join('; ')}`;
}
