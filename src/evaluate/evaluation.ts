/** What an evaluation found, and the JSON it is written as. */
import type { EngineName } from '../engine/port.ts';
import type { AnalyzerName, BM25 } from './bm25.ts';
import type { QueryRow } from './measure.ts';
import { mean } from './metrics.ts';
import type { ModeName } from './modes.ts';
import { percentile } from './percentiles.ts';
import { comparePaired, holm } from './significance.ts';

export interface ModeRun {
  readonly mode: ModeName;
  readonly rows: readonly QueryRow[];
  readonly bytesPerDocument: number;
}

export interface Evaluation {
  /** Name of the data set. */
  readonly data: string;
  readonly documents: number;
  readonly engine: { readonly name: EngineName; readonly version: string };
  readonly bundle: string;
  readonly bm25: typeof BM25 & { readonly analyzer: AnalyzerName };
  readonly window: number;
  readonly concurrency: number;
  /** What a reader of the numbers has to know about them. */
  readonly notes: readonly string[];
  /** Query id → text. */
  readonly queries: ReadonlyMap<string, string>;
  readonly runs: readonly ModeRun[];
  /** Every mode against every one before it. */
  readonly comparisons: readonly Comparison[];
  /** Set when it ended early: why, and the modes that were asked for and not measured. */
  readonly stopped?: { readonly fault: unknown; readonly unmeasured: readonly ModeName[] };
}

export interface ModeSummary {
  readonly 'ndcg@10': number;
  readonly 'mrr@10': number;
  readonly 'recall@100': number;
  readonly queries: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number };
  readonly bytesPerDocument: number;
  /** How often the proxy said what, e.g. `reranked`, `skipped; reason=…`; only in modes that ask it. */
  readonly verdicts?: Readonly<Record<string, number>>;
}

export interface Comparison {
  readonly from: ModeName;
  readonly to: ModeName;
  /** Mean nDCG@10 of `to` minus that of `from`. */
  readonly 'ndcg@10': number;
  /** Two-sided, see {@link comparePaired}. */
  readonly pValue: number;
  /** The same, corrected for the number of comparisons, see {@link holm}. */
  readonly pValueHolm: number;
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** The state of `x-mice` and its reason, without the figures that differ from search to search. */
function verdictClass(verdict: string): string {
  const [state, ...members] = verdict.split(';').map((member) => member.trim());
  const reason = members.find((member) => member.startsWith('reason='));
  return reason === undefined ? (state ?? '') : `${state}; ${reason}`;
}

function countVerdicts(rows: readonly QueryRow[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { verdict } of rows) {
    if (verdict === undefined) continue;
    const name = verdictClass(verdict);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Means and percentiles as they are; they are rounded where they are shown, so never twice. */
export function summarise({ rows, bytesPerDocument }: ModeRun): ModeSummary {
  const average = (metric: 'ndcg@10' | 'mrr@10' | 'recall@100') => mean(rows.map((row) => row[metric]));
  const times = rows.map(({ latencyMs }) => latencyMs);
  const verdicts = countVerdicts(rows);
  return {
    'ndcg@10': average('ndcg@10'),
    'mrr@10': average('mrr@10'),
    'recall@100': average('recall@100'),
    queries: rows.length,
    latencyMs: { p50: percentile(times, 50), p95: percentile(times, 95) },
    bytesPerDocument,
    ...(Object.keys(verdicts).length === 0 ? {} : { verdicts }),
  };
}

/** Every mode against every one before it: first those against the first mode, then against the second … */
export function compareModes(runs: readonly ModeRun[]): readonly Comparison[] {
  const gains = runs.map(({ rows }) => rows.map((row) => row['ndcg@10']));
  const pairs = runs.flatMap((from, at) =>
    runs.slice(at + 1).map((to, next) => ({
      ...{ from: from.mode, to: to.mode },
      ...comparePaired(gains[at]!, gains[at + 1 + next]!),
    })),
  );
  const corrected = holm(pairs.map(({ pValue }) => pValue));
  return pairs.map(({ from, to, difference, pValue }, at) => ({
    from,
    to,
    'ndcg@10': difference,
    pValue,
    pValueHolm: corrected[at]!,
  }));
}

/** Metrics with five digits and times with two, wherever they stand in `value`. */
function rounded<Value extends object>(value: Value): Value {
  const digits = (name: string) => (['latencyMs', 'p50', 'p95'].includes(name) ? 2 : 5);
  const entries = Object.entries(value).map(([name, inner]) => [
    name,
    typeof inner === 'number' ? round(inner, digits(name)) : isRecord(inner) ? rounded(inner) : inner,
  ]);
  return Object.fromEntries(entries) as Value;
}

const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** One value for each query and mode, under their names. */
function byQuery<Value>(runs: readonly ModeRun[], value: (row: QueryRow) => Value) {
  const of = ({ rows }: ModeRun) => Object.fromEntries(rows.map((row) => [row.query, value(row)]));
  return Object.fromEntries(runs.map((run) => [run.mode, of(run)]));
}

/** The stable JSON form; keys are added, never renamed. */
export function evaluationJson(evaluation: Evaluation): Readonly<Record<string, unknown>> {
  const { runs, comparisons, queries, stopped, ...rest } = evaluation;
  return {
    ...rest,
    ...(stopped && { unmeasured: stopped.unmeasured }),
    modes: Object.fromEntries(runs.map((run) => [run.mode, rounded(summarise(run))])),
    comparisons: comparisons.map(rounded),
    perQuery: byQuery(runs, (row) => round(row['ndcg@10'], 5)),
    perQueryRows: byQuery(runs, ({ query: _query, verdict: _verdict, ...measured }) => rounded(measured)),
  };
}
