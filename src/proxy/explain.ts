/** What became of each hit of a page, on request: one member `mice` at the end of the answer, the rest untouched. */
import type { StageTimes } from '../observe/stages.ts';
import type { HitPlace } from './hits.ts';
import type { Ranked } from './order.ts';
import type { StatesKind } from './score-window.ts';
import type { Verdict } from './verdicts.ts';

export interface Explained {
  readonly answer: Buffer;
  /** Hits of the answer in the first stage's order. */
  readonly hits: readonly HitPlace[];
  /** The page in its final order. */
  readonly page: readonly Ranked[];
  /** Rank of the page's first hit, from 1. */
  readonly firstRank: number;
  /** By place in the window; undefined for a window whose order was kept from an earlier page. */
  readonly states: readonly StatesKind[] | undefined;
  readonly verdict: Verdict;
  readonly timesMs: StageTimes;
}

/** @param body a JSON object */
export function withExplanation(body: Buffer, explained: Explained): Buffer {
  const end = body.lastIndexOf(0x7d);
  if (end === -1) return body;
  const comma = /^\s*\{\s*$/.test(body.toString('latin1', 0, end)) ? '' : ',';
  const member = `${comma}"mice":${JSON.stringify(explanation(explained))}`;
  return Buffer.concat([body.subarray(0, end), Buffer.from(member), body.subarray(end)]);
}

function explanation({ answer, hits, page, firstRank, states, verdict, timesMs }: Explained) {
  return {
    verdict,
    timings_ms: timesMs,
    hits: page.map(({ place, score }, at) => {
      const hit = hits[place]!;
      return {
        _index: hit.index,
        _id: hit.id,
        rank: firstRank + at,
        score: score ?? null,
        first_stage: { rank: place + 1, score: firstScore(answer, hit) },
        states: states === undefined ? 'kept' : (states[place] ?? 'unread'),
      };
    }),
  };
}

function firstScore(answer: Buffer, { score }: HitPlace): number | null {
  return score === undefined
    ? null
    : (JSON.parse(answer.toString('latin1', score.start, score.end)) as number);
}
