/** What a demo found, as JSON with stable keys. */
import { mean } from '../evaluate/metrics.ts';
import { type Answered, PAGE } from './ask.ts';

export interface DemoReport {
  readonly engine: { readonly name: string; readonly version: string };
  readonly bundle: string;
  readonly corpus: { readonly name: string; readonly documents: number; readonly indexMs: number };
  /** Means over the judged questions; empty without any. */
  readonly quality: { readonly 'ndcg@10'?: { readonly firstStage: number; readonly reranked: number } };
  readonly queries: readonly QueryReport[];
}

export interface QueryReport {
  readonly query: string;
  /** Ids of the first page in the cluster's order. */
  readonly firstStage: readonly string[];
  readonly reranked: readonly string[];
  /** Of `reranked`. */
  readonly scores: readonly (number | null)[];
  readonly verdict: string;
  /** `upstream`, `query`, `states`, `score`, `total`; none where nothing was re-ranked. */
  readonly timingsMs: Readonly<Record<string, number>>;
  readonly 'ndcg@10'?: { readonly firstStage: number; readonly reranked: number };
}

const rounded = (value: number, digits: number) => Number(value.toFixed(digits));

export function reportOf(
  head: Pick<DemoReport, 'engine' | 'bundle' | 'corpus'>,
  answers: readonly Answered[],
): DemoReport {
  const quality = meanQuality(answers);
  return {
    ...head,
    corpus: { ...head.corpus, indexMs: Math.round(head.corpus.indexMs) },
    quality: quality === undefined ? {} : { 'ndcg@10': roundedQuality(quality) },
    queries: answers.map(queryReport),
  };
}

/** Mean nDCG@10 of both orders over the judged questions. */
export function meanQuality(answers: readonly Answered[]): Answered['quality'] {
  const judged = answers.flatMap(({ quality }) => (quality === undefined ? [] : [quality]));
  if (judged.length === 0) return undefined;
  return {
    firstStage: mean(judged.map(({ firstStage }) => firstStage)),
    reranked: mean(judged.map(({ reranked }) => reranked)),
  };
}

function queryReport(answer: Answered): QueryReport {
  const { question, firstStage, reranked, scores, verdict, timingsMs, quality } = answer;
  const times = Object.entries(timingsMs).map(([stage, ms]) => [stage, rounded(ms, 2)]);
  return {
    query: question.text,
    firstStage: firstStage.slice(0, PAGE),
    reranked,
    scores,
    verdict,
    timingsMs: Object.fromEntries(times),
    ...(quality !== undefined && { 'ndcg@10': roundedQuality(quality) }),
  };
}

function roundedQuality(quality: NonNullable<Answered['quality']>): NonNullable<Answered['quality']> {
  return { firstStage: rounded(quality.firstStage, 4), reranked: rounded(quality.reranked, 4) };
}
