/** A search, re-ranked: ask for the window → find candidates → load states → score → order → splice. */
import type { Logger } from 'pino';
import { MiceError } from '../errors.ts';
import type { EncodedQuery, Model } from '../model/model.ts';
import { loggable } from '../observe/log.ts';
import { type StageClock, startStageClock } from '../observe/stages.ts';
import { findHits, type HitPlace, type HitPlaces } from './hits.ts';
import type { LiveStates } from './live-states.ts';
import { type CandidateStates, loadStates } from './load-states.ts';
import { orderOf, type Ranked } from './order.ts';
import type { RerankPlan } from './plan.ts';
import { type Page, splice } from './splice.ts';
import { readAnswer, type UpstreamAnswer } from './upstream.ts';
import type { DegradeReason, SkipReason, Verdict } from './verdicts.ts';

/** What re-ranking one search needs. */
export interface RerankNeeds {
  readonly model: Model;
  readonly live: LiveStates;
  readonly log: Logger;
  /** Doc-value field that holds the states. */
  readonly statesField: string;
  readonly bodyLimitBytes: number;
  /** Sends the widened search with the caller's own headers. */
  readonly searchWindow: () => Promise<UpstreamAnswer>;
  /** Reads sources by id with the caller's own headers. */
  readonly fetchSources: (hits: readonly HitPlace[]) => Promise<readonly unknown[]>;
  /** Fires when the caller leaves. */
  readonly signal: AbortSignal;
}

export type Reranked =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: UpstreamAnswer['headers'];
      readonly body: Buffer;
      readonly verdict: Verdict;
      readonly clock: StageClock;
    }
  /** The widened search gave nothing to work on: the caller's own request is to be sent as it came. */
  | { readonly kind: 'replay'; readonly reason: SkipReason };

/** @throws MiceError only before the cluster answered; later faults end in the cluster's own order */
export async function rerankSearch(plan: RerankPlan, needs: RerankNeeds): Promise<Reranked> {
  const clock = startStageClock();
  return clock.time('total', () => rerank(plan, needs, clock));
}

async function rerank(plan: RerankPlan, needs: RerankNeeds, clock: StageClock): Promise<Reranked> {
  const startedMs = performance.now();
  const deadline = AbortSignal.any([needs.signal, AbortSignal.timeout(plan.deadlineMs)]);
  const query = clock.time('query', () =>
    needs.model.encodeQuery(plan.queryText, { priority: 'search', signal: deadline }),
  );
  query.catch(() => {});
  const answer = await clock.time('upstream', needs.searchWindow);
  const body = await readAnswer(answer.body, needs.bodyLimitBytes);
  if (answer.status !== 200) return { kind: 'replay', reason: 'upstream-status' };
  if (!body) return { kind: 'replay', reason: 'too-large' };
  if (!/json/i.test(String(answer.headers['content-type']))) return { kind: 'replay', reason: 'media-type' };
  const places = hitsOf(body, needs.statesField);
  if (!places) return { kind: 'replay', reason: 'unreadable-answer' };
  const candidates = places.hits.slice(0, plan.window);
  const scored = await scoresOf(plan, body, candidates, query, deadline, clock, needs);
  const tookMs = performance.now() - startedMs;
  return {
    kind: 'answer',
    status: answer.status,
    headers: answer.headers,
    body: splice(
      body,
      places,
      pageOf(plan, places, orderOf(scored.scores, needs.model.bundle.score.firstStage)),
    ),
    verdict: verdictOf(scored, candidates.length, needs.model.bundle.model, tookMs),
    clock,
  };
}

interface Scored {
  /** One a candidate; undefined where it was not scored. */
  readonly scores: readonly (number | undefined)[];
  readonly reason?: DegradeReason;
}

/** Scores what can be scored by the deadline. Never throws: any fault leaves the cluster's order. */
async function scoresOf(
  plan: RerankPlan,
  answer: Buffer,
  hits: readonly HitPlace[],
  query: Promise<EncodedQuery>,
  deadline: AbortSignal,
  clock: StageClock,
  needs: RerankNeeds,
): Promise<Scored> {
  const unscored = hits.map(() => undefined);
  try {
    const { textFields, sourceIsWhole } = plan;
    const states = await clock.time('states', () =>
      loadStates(answer, hits, { ...needs, textFields, sourceIsWhole, signal: deadline }),
    );
    const ready = states.flatMap((state, place) =>
      state.kind === 'none' ? [] : [{ place, bytes: state.bytes }],
    );
    if (ready.length === 0) return { scores: unscored, ...reasonIn(states) };
    const encodedQuery = await query;
    // When states took all of the time, what is ready is still scored: that is short, and better than nothing.
    const signal = deadline.aborted ? needs.signal : deadline;
    const { scores } = await clock.time('score', () =>
      needs.model.score(
        encodedQuery,
        ready.map(({ bytes }) => bytes),
        { priority: 'search', signal },
      ),
    );
    const byPlace = new Map(ready.map(({ place }, at) => [place, scores[at]]));
    return { scores: hits.map((_, place) => byPlace.get(place)), ...reasonIn(states) };
  } catch (error) {
    const reason = reasonOf(error, deadline);
    needs.log.warn({ ...loggable(error), reason }, 'a search was answered in the order of the cluster');
    return { scores: unscored, reason };
  }
}

function hitsOf(answer: Buffer, statesField: string): HitPlaces | undefined {
  try {
    return findHits(answer, statesField);
  } catch {
    return undefined;
  }
}

/** The caller's page out of the new order; behind the window, the cluster's. */
function pageOf(plan: RerankPlan, places: HitPlaces, window: readonly Ranked[]): Page {
  const rest = places.hits
    .slice(window.length)
    .map((_, at) => ({ place: window.length + at, score: undefined }));
  return {
    hits: [...window, ...rest].slice(plan.from, plan.from + plan.size),
    maxScore: window[0]?.score,
  };
}

function reasonIn(states: readonly CandidateStates[]): { reason?: DegradeReason } {
  const none = states.filter((state) => state.kind === 'none');
  if (none.length === 0) return {};
  return { reason: none.some((state) => state.reason === 'deadline') ? 'deadline' : 'no-text' };
}

function reasonOf(error: unknown, deadline: AbortSignal): DegradeReason {
  const code = error instanceof MiceError ? error.code : undefined;
  if (code === 'model-overloaded') return 'overloaded';
  if (code === 'upstream-refused' || code === 'upstream-unreachable') return 'no-source';
  return deadline.aborted ? 'deadline' : 'model-failed';
}

function verdictOf({ scores, reason }: Scored, window: number, model: string, tookMs: number): Verdict {
  if (scores.length === 0) return { outcome: 'skipped', reason: 'no-hits' };
  const scored = scores.filter((score) => score !== undefined).length;
  const outcome = reason === undefined || (reason === 'no-text' && scored > 0) ? 'reranked' : 'degraded';
  return { outcome, ...(reason && { reason }), window, scored, model, tookMs };
}
