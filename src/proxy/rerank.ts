/** A search, re-ranked: ask for the window → find candidates → load states → score → order → splice. */
import type { Logger } from 'pino';
import { MiceError } from '../errors.ts';
import type { EncodedQuery, Model } from '../model/model.ts';
import { loggable } from '../observe/log.ts';
import { type StageClock, startStageClock } from '../observe/stages.ts';
import { findHits, type HitPlace, type HitPlaces } from './hits.ts';
import type { JudgementsOf } from './judgements.ts';
import type { LiveStates } from './live-states.ts';
import { type CandidateStates, loadStates } from './load-states.ts';
import { orderOf, type Ranked } from './order.ts';
import type { RerankPlan, Wanted } from './plan.ts';
import { rankChanges } from './rank-changes.ts';
import { type Page, splice } from './splice.ts';
import { readAnswer, type UpstreamAnswer } from './upstream.ts';
import type { DegradeReason, RankChanges, SkipReason, Verdict } from './verdicts.ts';
import { keptWindow, orderIn, type WindowCache } from './window-cache.ts';

/** What scoring the hits of an answer needs. */
export interface ScoringNeeds {
  readonly model: Model;
  readonly live: LiveStates;
  readonly log: Logger;
  /** Doc-value field that holds the states. */
  readonly statesField: string;
  /** Reads sources by id with the caller's own headers. */
  readonly fetchSources: (hits: readonly HitPlace[]) => Promise<readonly unknown[]>;
  readonly judgementsOf: JudgementsOf;
  /** Told what re-ranking would have changed. */
  readonly onShadow: (changes: RankChanges) => void;
  /** Fires when the caller leaves. */
  readonly signal: AbortSignal;
}

/** What re-ranking one search needs. */
export interface RerankNeeds extends ScoringNeeds {
  readonly bodyLimitBytes: number;
  /** Sends the search to another path, with the caller's own headers. */
  readonly searchAt: (path: string) => Promise<UpstreamAnswer>;
  readonly pages: WindowCache;
  /** Key of the window in `pages`. */
  readonly windowKey: string;
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
  | Replay;

/** @throws MiceError only before the cluster answered; later faults end in the cluster's own order */
export async function rerankSearch(plan: RerankPlan, needs: RerankNeeds): Promise<Reranked> {
  const clock = startStageClock();
  return clock.time('total', () => rerank(plan, needs, clock));
}

async function rerank(plan: RerankPlan, needs: RerankNeeds, clock: StageClock): Promise<Reranked> {
  const kept = await fromKeptWindow(plan, needs, clock);
  if (kept && kept.kind !== 'found') return kept;
  const begun = beginScoring(plan, needs, clock);
  const found = await askFor(plan.widenedPath, plan, needs, clock).catch((error) => {
    // Where the cluster has answered before, that answer is still one: its documents are read on sight.
    if (kept && !needs.signal.aborted) return kept;
    throw error;
  });
  if (found.kind === 'replay') return found;
  const { status, headers, answer, places } = found;
  const { body, verdict, order, reason } = await rerankAnswer(plan, answer, places, begun, needs);
  const window = order && keptWindow(answer, places.hits.slice(0, plan.window), order, reason);
  if (window && window.scored > 0) needs.pages.set(needs.windowKey, window);
  return { kind: 'answer', status, headers, body, verdict, clock };
}

/**
 * A later page by the order that an earlier one left behind; undefined where there is none, and what the cluster
 * found where it is not the same any more.
 */
async function fromKeptWindow(
  plan: RerankPlan,
  needs: RerankNeeds,
  clock: StageClock,
): Promise<Reranked | FoundHits | undefined> {
  const startedMs = performance.now();
  const kept = plan.from > 0 && !plan.shadow ? needs.pages.get(needs.windowKey) : undefined;
  if (!kept) return undefined;
  const found = await askFor(plan.windowPath, plan, needs, clock);
  if (found.kind === 'replay') return found;
  const { status, headers, answer, places } = found;
  const order = orderIn(kept, answer, places.hits.slice(0, plan.window));
  if (!order) return found;
  const scored = { scores: order.map(({ score }) => score), ...(kept.reason && { reason: kept.reason }) };
  const tookMs = performance.now() - startedMs;
  return {
    kind: 'answer',
    status,
    headers,
    body: splice(answer, places, pageOf(plan, places, order)),
    verdict: verdictOf(scored, order.length, needs.model.bundle.model, tookMs),
    clock,
  };
}

interface FoundHits {
  readonly kind: 'found';
  readonly status: number;
  readonly headers: UpstreamAnswer['headers'];
  readonly answer: Buffer;
  readonly places: HitPlaces;
}

interface Replay {
  readonly kind: 'replay';
  readonly reason: SkipReason;
}

async function askFor(
  path: string,
  plan: Wanted,
  needs: RerankNeeds,
  clock: StageClock,
): Promise<FoundHits | Replay> {
  const { status, headers, body } = await clock.time('upstream', () => needs.searchAt(path));
  const answer = await readAnswer(body, needs.bodyLimitBytes);
  if (status !== 200) return { kind: 'replay', reason: 'upstream-status' };
  if (!answer) return { kind: 'replay', reason: 'too-large' };
  if (!/json/i.test(String(headers['content-type']))) return { kind: 'replay', reason: 'media-type' };
  const places = hitsOf(answer, plan, needs.statesField);
  // A filtered answer has no list of hits where there are none.
  if (!places) return { kind: 'replay', reason: plan.isFiltered ? 'no-hits' : 'unreadable-answer' };
  return { kind: 'found', status, headers, answer, places };
}

/** A search whose question is being encoded while the cluster searches. */
export interface Begun {
  readonly query: Promise<EncodedQuery>;
  readonly deadline: AbortSignal;
  readonly startedMs: number;
  readonly clock: StageClock;
}

export function beginScoring(plan: Wanted, { model, signal }: ScoringNeeds, clock: StageClock): Begun {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(plan.deadlineMs)]);
  const query = clock.time('query', () =>
    model.encodeQuery(plan.queryText, { priority: 'search', signal: deadline }),
  );
  query.catch(() => {});
  return { query, deadline, startedMs: performance.now(), clock };
}

export interface RerankedAnswer {
  readonly body: Buffer;
  readonly verdict: Verdict;
  /** The new order; undefined where the answer is in the cluster's. */
  readonly order?: readonly Ranked[];
  readonly reason?: DegradeReason | undefined;
}

/** Scores the hits of one search answer and cuts the caller's page out of their new order. Never throws. */
export async function rerankAnswer(
  plan: Wanted,
  answer: Buffer,
  places: HitPlaces,
  begun: Begun,
  needs: ScoringNeeds,
): Promise<RerankedAnswer> {
  const candidates = places.hits.slice(0, plan.window);
  const { query, deadline, startedMs, clock } = begun;
  const score = () => scoresOf(plan, answer, candidates, query, deadline, clock, needs);
  const verdictFor = (scored: Scored) =>
    verdictOf(scored, candidates.length, needs.model.bundle.model, performance.now() - startedMs);
  if (plan.shadow) return shadowed(plan, answer, places, score, verdictFor, needs);
  const scored = await score();
  const order = orderOf(scored.scores, needs.model.bundle.score.firstStage);
  return {
    body: splice(answer, places, pageOf(plan, places, order)),
    verdict: verdictFor(scored),
    order,
    reason: scored.reason,
  };
}

/** The cluster's own page; scores are compared afterwards, or, where the caller wants them explained, before. */
async function shadowed(
  plan: Wanted,
  answer: Buffer,
  places: HitPlaces,
  score: () => Promise<Scored>,
  verdictFor: (scored: Scored) => Verdict,
  needs: ScoringNeeds,
): Promise<RerankedAnswer> {
  const body = splice(answer, places, pageOf(plan, places, []));
  const compared = score().then((scored) => {
    const changes = changesIn(plan, places, scored, needs);
    if (changes) needs.onShadow(changes);
    return { scored, changes };
  });
  if (!plan.explain) {
    void compared.catch((error) => needs.log.warn(loggable(error), 'a shadow search could not be compared'));
    const unscored = places.hits.slice(0, plan.window).map(() => undefined);
    return { body, verdict: asShadow(verdictFor({ scores: unscored }), undefined) };
  }
  const { scored, changes } = await compared;
  return { body, verdict: asShadow(verdictFor(scored), changes) };
}

function asShadow(verdict: Verdict, changes: RankChanges | undefined): Verdict {
  return verdict.outcome === 'skipped'
    ? verdict
    : { ...verdict, outcome: 'shadow', ...(changes && { changes }) };
}

/** What the scored hits' new order changes; undefined where none was scored. */
function changesIn(
  plan: Wanted,
  places: HitPlaces,
  { scores }: Scored,
  needs: ScoringNeeds,
): RankChanges | undefined {
  const scored = scores.flatMap((score, place) => (score === undefined ? [] : [place]));
  if (scored.length === 0) return undefined;
  const rankOf = new Map(scored.map((place, rank) => [place, rank]));
  const order = orderOf(scores, needs.model.bundle.score.firstStage).flatMap(
    ({ place }) => rankOf.get(place) ?? [],
  );
  const ids = scored.map((place) => (places.hits[place] as HitPlace).id);
  return rankChanges(order, plan.size, ids, needs.judgementsOf(plan.queryText));
}

interface Scored {
  /** One a candidate; undefined where it was not scored. */
  readonly scores: readonly (number | undefined)[];
  readonly reason?: DegradeReason;
}

/** Scores what can be scored by the deadline. Never throws: any fault leaves the cluster's order. */
async function scoresOf(
  plan: Wanted,
  answer: Buffer,
  hits: readonly HitPlace[],
  query: Promise<EncodedQuery>,
  deadline: AbortSignal,
  clock: StageClock,
  needs: ScoringNeeds,
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

/** Where the hits of an answer stand; undefined where it is none with hits. */
export function hitsOf(answer: Buffer, plan: Wanted, statesField: string): HitPlaces | undefined {
  try {
    return findHits(answer, statesField, plan.difference);
  } catch {
    return undefined;
  }
}

/** The caller's page out of the new order; behind the window, the cluster's. */
function pageOf(plan: Wanted, places: HitPlaces, window: readonly Ranked[]): Page {
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
