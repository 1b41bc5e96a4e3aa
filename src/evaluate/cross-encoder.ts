/** Candidates re-ranked by the cross-encoder itself, through the proxy's rerank route. */
import { z } from 'zod';
import { MiceError } from '../errors.ts';
import { type Answer, send } from './send.ts';

/** Documents and characters of one request at most, both far below what the route takes. */
const REQUEST_DOCUMENTS = 200;
const REQUEST_CHARACTERS = 2_000_000;

export interface Candidate {
  readonly id: string;
  readonly text: string;
}

/** The query and its candidates, best of the first stage first → ids in the order of the cross-encoder. */
export type Rescore = (query: string, candidates: readonly Candidate[]) => Promise<readonly string[]>;

interface Part {
  /** Rank of the first of them in the first stage, from 1. */
  readonly rank: number;
  readonly candidates: readonly Candidate[];
}

/** Consecutive parts within the limits of a request; a longer text goes alone. */
function partsOf(candidates: readonly Candidate[]): readonly Part[] {
  const parts: Part[] = [];
  let [first, characters] = [0, 0];
  candidates.forEach(({ text }, at) => {
    const full = at - first === REQUEST_DOCUMENTS || characters + text.length > REQUEST_CHARACTERS;
    if (full && at > first) {
      parts.push({ rank: first + 1, candidates: candidates.slice(first, at) });
      [first, characters] = [at, 0];
    }
    characters += text.length;
  });
  if (first < candidates.length) parts.push({ rank: first + 1, candidates: candidates.slice(first) });
  return parts;
}

const answerShape = z.object({
  results: z.array(z.object({ index: z.int().min(0), relevance_score: z.number() })),
});

/** One score a candidate, in their order. */
function scoresIn(answer: Answer, count: number, url: URL): readonly number[] {
  const parsed = answerShape.safeParse(answer.json);
  const scores = new Map(parsed.data?.results.map(({ index, relevance_score }) => [index, relevance_score]));
  const inOrder = Array.from({ length: count }, (_, index) => scores.get(index));
  if (answer.status === 200 && inOrder.every((score) => score !== undefined)) return inOrder;
  throw new MiceError(
    'proxy-refused',
    `${url.href} gave no score for each of ${count} documents but ${answer.status}: ${answer.text.slice(0, 200)}`,
    { hint: 'The address of a running mice proxy is expected, whose bundle has the graph cross-encoder.' },
  );
}

/**
 * Asks `POST /_mice/v1/rerank` of the proxy at `proxyUrl` for the scores of the graph `cross-encoder`, with the
 * first stage's rank in them. Ties stay in the first stage's order; a candidate without text follows all others.
 *
 * @throws MiceError `proxy-refused` when the answer is no score for each candidate
 */
export function rescoreThrough(
  proxyUrl: string,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Rescore {
  const url = new URL('/_mice/v1/rerank', proxyUrl);
  const scoresOf = async (query: string, { rank, candidates }: Part) => {
    const documents = candidates.map(({ text }) => text);
    const ranks = { first_stage: true, ...(rank > 1 && { first_rank: rank }) };
    const body = JSON.stringify({ model: 'cross-encoder', query, documents, ...ranks });
    return scoresIn(await send(url, { method: 'POST', headers, body, signal }), candidates.length, url);
  };
  return async (query, candidates) => {
    const scores: number[] = [];
    for (const part of partsOf(candidates)) scores.push(...(await scoresOf(query, part)));
    // Documents without text are sent as well: they hold a rank of the first stage.
    const scored = candidates.map(({ id, text }, at) => ({
      id,
      score: text === '' ? -Infinity : scores[at]!,
    }));
    return scored.sort((a, b) => (b.score > a.score ? 1 : b.score < a.score ? -1 : 0)).map(({ id }) => id);
  };
}
