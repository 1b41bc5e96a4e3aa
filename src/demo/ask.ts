/** One question asked twice with the official client: of the cluster, and of the proxy in front of it. */
import type { Engine } from '../engine/port.ts';
import { bm25Search } from '../evaluate/bm25.ts';
import type { JudgedQuery } from '../evaluate/dataset.ts';
import { ndcg } from '../evaluate/metrics.ts';
import { type StageTimes, stageTimesOf } from '../observe/stages.ts';

/** Hits of a page, and the depth of nDCG. */
export const PAGE = 10;

export interface Answered {
  readonly question: JudgedQuery;
  /** Ids in the cluster's order, as deep as the window reaches. */
  readonly firstStage: readonly string[];
  /** Ids of the first page through the proxy. */
  readonly reranked: readonly string[];
  /** Scores of `reranked`. */
  readonly scores: readonly (number | null)[];
  /** The `x-mice` header. */
  readonly verdict: string;
  readonly timingsMs: StageTimes;
  /** nDCG@10 of each order; undefined for a question without judgements. */
  readonly quality: { readonly firstStage: number; readonly reranked: number } | undefined;
}

export interface Asked {
  readonly direct: Engine;
  readonly proxied: Engine;
  readonly index: string;
}

export async function ask({ direct, proxied, index }: Asked, question: JudgedQuery): Promise<Answered> {
  const body = bm25Search(question.text);
  const first = await direct.search(index, body);
  const second = await proxied.search(index, { ...body, size: PAGE, ext: { mice: { explain: true } } });
  const firstStage = first.hits.map(({ id }) => id);
  const reranked = second.hits.map(({ id }) => id);
  const { grades } = question;
  return {
    question,
    firstStage,
    reranked,
    scores: second.hits.map(({ score }) => score),
    verdict: second.headers['x-mice'] ?? '',
    timingsMs: stageTimesOf(second.headers['server-timing'] ?? ''),
    quality:
      grades.size === 0
        ? undefined
        : { firstStage: ndcg(firstStage, grades, PAGE), reranked: ndcg(reranked, grades, PAGE) },
  };
}
