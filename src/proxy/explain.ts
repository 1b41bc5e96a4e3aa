/** What became of each hit of a page, on request: one member `mice` at the end of the answer, the rest untouched. */
import type { StageTimes } from '../observe/stages.ts';
import type { HitPlace } from './hits.ts';
import type { Ranked } from './order.ts';
import type { CandidateRead, Scored } from './score-window.ts';
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
  readonly scored: Pick<Scored, 'states' | 'read'> | undefined;
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

function explanation({ answer, hits, page, firstRank, scored, verdict, timesMs }: Explained) {
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
        states: scored === undefined ? 'kept' : (scored.states[place] ?? 'unread'),
        ...textRead(scored?.read[place]),
      };
    }),
  };
}

/** Which passage has the score, and whether the text goes on behind what was read; nothing of a hit without a score. */
function textRead(read: CandidateRead | undefined) {
  if (read === undefined) return {};
  const { best, passages, place, truncated } = read;
  return { passage: { number: best, of: passages, ...(passages > 1 && place) }, truncated };
}

function firstScore(answer: Buffer, { score }: HitPlace): number | null {
  return score === undefined
    ? null
    : (JSON.parse(answer.toString('latin1', score.start, score.end)) as number);
}
