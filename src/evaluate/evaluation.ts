/** What an evaluation found, and the JSON it is written as. */
import type { EngineName } from '../engine/port.ts';
import type { AnalyzerName, BM25 } from './bm25.ts';
import type { QueryRow } from './measure.ts';
import { mean } from './metrics.ts';
import type { ModeName } from './modes.ts';
import { percentile } from './percentiles.ts';
import { comparePaired } from './significance.ts';

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
  readonly runs: readonly ModeRun[];
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

export function summarise({ rows, bytesPerDocument }: ModeRun): ModeSummary {
  const average = (metric: 'ndcg@10' | 'mrr@10' | 'recall@100') =>
    round(mean(rows.map((row) => row[metric])), 5);
  const times = rows.map(({ latencyMs }) => latencyMs);
  const verdicts = countVerdicts(rows);
  return {
    'ndcg@10': average('ndcg@10'),
    'mrr@10': average('mrr@10'),
    'recall@100': average('recall@100'),
    queries: rows.length,
    latencyMs: { p50: round(percentile(times, 50), 2), p95: round(percentile(times, 95), 2) },
    bytesPerDocument,
    ...(Object.keys(verdicts).length === 0 ? {} : { verdicts }),
  };
}

/** Every later mode against the first. */
export function compareModes(runs: readonly ModeRun[]): readonly Comparison[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  const gains = ({ rows }: ModeRun) => rows.map((row) => row['ndcg@10']);
  return others.map((other) => {
    const { difference, pValue } = comparePaired(gains(first), gains(other));
    return { from: first.mode, to: other.mode, 'ndcg@10': round(difference, 5), pValue: round(pValue, 5) };
  });
}

/** The stable JSON form; keys are added, never renamed. */
export function evaluationJson(evaluation: Evaluation): Readonly<Record<string, unknown>> {
  const { runs, ...rest } = evaluation;
  const perQuery = ({ rows }: ModeRun) =>
    Object.fromEntries(rows.map((row) => [row.query, round(row['ndcg@10'], 5)]));
  return {
    ...rest,
    modes: Object.fromEntries(runs.map((run) => [run.mode, summarise(run)])),
    comparisons: compareModes(runs),
    perQuery: Object.fromEntries(runs.map((run) => [run.mode, perQuery(run)])),
  };
}
