/** What became of a search, and why: the `x-mice` header, the log field and the metric labels. */

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
  scroll: 'The caller reads everything in batches.',
  collapse: 'Collapsed hits are groups, not documents.',
  rescore: 'The caller re-scores by itself.',
  'stored-fields': 'Hits come without what is needed to know them.',
  'filter-path': 'The answer comes without what is needed to know its hits.',
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
  overloaded: 'The queue of the model is full.',
  'model-failed': 'The model failed.',
} as const;

export type SkipReason = keyof typeof skipReasons;
export type DegradeReason = keyof typeof degradeReasons;

export type Verdict =
  | { readonly outcome: 'skipped'; readonly reason: SkipReason }
  | {
      readonly outcome: 'reranked' | 'degraded';
      readonly reason?: DegradeReason;
      readonly window: number;
      readonly scored: number;
      readonly model: string;
      readonly tookMs: number;
    };

/** The header's value, e.g. `reranked; window=100; scored=100; model=…; took=12`. */
export function verdictHeader(verdict: Verdict): string {
  if (verdict.outcome === 'skipped') return `skipped; reason=${verdict.reason}`;
  const { outcome, reason, window, scored, model, tookMs } = verdict;
  const why = reason === undefined ? '' : ` reason=${reason};`;
  return `${outcome};${why} window=${window}; scored=${scored}; model=${model}; took=${Math.round(tookMs)}`;
}
