/** A search, re-ranked: ask for the window → find candidates → load states → score → order → splice. */
import { membersOf, skipSpace } from '../json/spans.ts';
import type { EncodedQuery } from '../model/model.ts';
import { loggable } from '../observe/log.ts';
import { type StageClock, startStageClock } from '../observe/stages.ts';
import { withExplanation } from './explain.ts';
import { fusedAnswer } from './fused-answer.ts';
import { findHits, type HitPlace, type HitPlaces } from './hits.ts';
import type { JudgementsOf } from './judgements.ts';
import type { NearSearch } from './near-search.ts';
import { type FirstStageBlend, orderOf, type Ranked } from './order.ts';
import { isNear, type RerankPlan, type Wanted } from './plan.ts';
import { rankChanges } from './rank-changes.ts';
import { type Scored, scoreWindow, type WindowNeeds } from './score-window.ts';
import { type Page, splice } from './splice.ts';
import { turnOfLoop } from './turns.ts';
import { readAnswer, type UpstreamAnswer } from './upstream.ts';
import type {
  DegradeReason,
  FirstStageReason,
  RankChanges,
  SkipReason,
  UsedFirstStage,
  Verdict,
} from './verdicts.ts';
import { type KeptWindow, keptWindow, orderIn, type WindowCache } from './window-cache.ts';

/** What scoring the hits of an answer needs. */
export interface ScoringNeeds extends WindowNeeds {
  /** Doc-value field that holds the states. */
  readonly statesField: string;
  readonly judgementsOf: JudgementsOf;
  /** Told what re-ranking would have changed. */
  readonly onShadow: (changes: RankChanges) => void;
  /** Fires when the caller leaves. */
  readonly signal: AbortSignal;
  /** When the search came, on the clock of `performance.now()`: its deadline counts from there. */
  readonly arrivedMs: number;
}

/** What a search by vector gave: an answer with status 200, or why there is none. */
export type NearAnswer = { readonly answer: Buffer } | { readonly reason: FirstStageReason };

/** Where the orders of windows are kept, and under which key that of a search. */
export interface PageNeeds {
  readonly pages: WindowCache;
  readonly windowKey: string;
}

/** The answer of a search that lies in another. */
export interface OpenedAnswer {
  readonly answer: Buffer;
  /** The other with `answer` in its place. */
  readonly close: (answer: Buffer) => Buffer;
}

/** What re-ranking one search needs. */
export interface RerankNeeds extends ScoringNeeds, PageNeeds {
  readonly bodyLimitBytes: number;
  /** Whether the search goes without the states: memory may have them, see {@link ScoringNeeds.locate}. */
  readonly memoryFirst: boolean;
  /** Sends the search to another path, with the caller's own headers. */
  readonly searchAt: (path: string) => Promise<UpstreamAnswer>;
  /** Finds the search's answer in what the cluster sent, where that is more; or gives why there is none to work on. */
  readonly open?: ((sent: Buffer) => Promise<OpenedAnswer | SkipReason>) | undefined;
  /** Makes the search by vector at a path, until `signal` fires. Never throws. */
  readonly searchNear: (near: NearSearch, path: string, signal: AbortSignal) => Promise<NearAnswer>;
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
  const kept = keptFor(plan, needs);
  const early = kept && (await askFor('window', plan, needs, clock));
  if (early?.kind === 'replay') return early;
  const later = kept && early && answerByKept(plan, early, kept, needs, clock);
  if (early && later) return answerOf(early, later, clock);
  if (plan.unscored) {
    const found = await askFor('window', plan, needs, clock);
    return found.kind === 'replay' ? found : answerOf(found, unscoredAnswer(plan, found), clock);
  }
  const asked = needs.memoryFirst
    ? Promise.resolve(early ?? askFor('window', plan, needs, clock))
    : askFor('widened', plan, needs, clock);
  const begun = beginScoring(plan, needs, clock);
  const found = await asked.catch((error) => {
    // Where the cluster has answered before, that answer is still one: its documents are read on sight.
    if (early && !needs.signal.aborted) return early;
    throw error;
  });
  if (found.kind === 'replay') return found;
  const reranked = await rerankAnswer(plan, found, begun, needs);
  keepOrder(plan, found, reranked, needs);
  return answerOf(found, reranked, clock);
}

function answerOf(
  { status, headers, close }: FoundHits,
  { body, verdict }: RerankedAnswer,
  clock: StageClock,
): Reranked {
  return { kind: 'answer', status, headers, body: close(body), verdict, clock };
}

/** The order that an earlier page of a search left behind, where it may be of use. */
export function keptFor(plan: Wanted, { pages, windowKey }: PageNeeds): KeptWindow | undefined {
  return plan.from > 0 && !plan.shadow && !plan.unscored ? pages.get(windowKey) : undefined;
}

/** Leaves the order of a window behind for its later pages. */
export function keepOrder(
  plan: Wanted,
  { answer, places }: Candidates,
  { order, reason }: RerankedAnswer,
  { pages, windowKey }: PageNeeds,
): void {
  const window = order && keptWindow(answer, places.hits.slice(0, plan.window), order, reason);
  if (window && window.scored > 0) pages.set(windowKey, window);
}

/** A page by the order that is kept; undefined where the cluster did not find the same hits again. */
export function answerByKept(
  plan: Wanted,
  { answer, places, firstStage }: Candidates,
  kept: KeptWindow,
  { model, arrivedMs }: Pick<ScoringNeeds, 'model' | 'arrivedMs'>,
  clock: StageClock,
): RerankedAnswer | undefined {
  const order = orderIn(kept, answer, places.hits.slice(0, plan.window));
  if (!order) return undefined;
  const scored = { scores: order.map(({ score }) => score), reason: kept.reason };
  const tookMs = performance.now() - arrivedMs;
  const verdict = withFirstStage(verdictOf(scored, order.length, model.bundle.model, tookMs), firstStage);
  const page = pageOf(plan, places, order);
  const body = splice(answer, places, page);
  return {
    body: plan.explain ? explained(plan, answer, places, page, undefined, verdict, clock)(body) : body,
    verdict,
  };
}

/** The page in the order of the first stage, as it is. */
export function unscoredAnswer(plan: Wanted, { answer, places, firstStage }: Candidates): RerankedAnswer {
  const body = splice(answer, places, pageOf(plan, places, []));
  return { body, verdict: { outcome: 'skipped', reason: plan.unscored ?? 'off', firstStage } };
}

/** What an answer with hits holds, and where its candidates came from. */
export interface Candidates {
  readonly answer: Buffer;
  readonly places: HitPlaces;
  readonly firstStage?: UsedFirstStage | undefined;
}

interface FoundHits extends Candidates {
  readonly kind: 'found';
  readonly status: number;
  readonly headers: UpstreamAnswer['headers'];
  readonly close: OpenedAnswer['close'];
}

interface Replay {
  readonly kind: 'replay';
  readonly reason: SkipReason;
}

/** Asks for the hits of a plan: the search itself and, at the same time, the search by vector beside it. */
async function askFor(
  what: 'widened' | 'window',
  plan: RerankPlan,
  needs: RerankNeeds,
  clock: StageClock,
): Promise<FoundHits | Replay> {
  const { firstStage } = plan;
  const path = what === 'widened' ? plan.widenedPath : plan.windowPath;
  if (!isNear(firstStage)) {
    const found = await askOwn(path, plan, needs, clock);
    return found.kind === 'replay' ? found : { ...found, firstStage };
  }
  const given = new AbortController();
  const { deadline } = openDeadline(plan, needs);
  const near = clock.time('neighbours', () =>
    needs.searchNear(firstStage, plan.nearPaths[what], AbortSignal.any([deadline, given.signal])),
  );
  // Without the search itself its neighbours are of no use.
  const own = await askOwn(path, plan, needs, clock).catch((error) => {
    given.abort();
    throw error;
  });
  if (own.kind === 'replay') {
    given.abort();
    return own;
  }
  return { ...own, ...withNeighbours(plan, firstStage, own, await near, needs.statesField) };
}

/** The candidates of both searches, or of the own one with the reason. */
export function withNeighbours(
  plan: Wanted,
  { kind }: NearSearch,
  own: Candidates,
  near: NearAnswer,
  statesField: string,
): Candidates {
  const asSent = (reason: FirstStageReason): Candidates => ({
    ...own,
    firstStage: { kind: 'as-sent', reason },
  });
  if ('reason' in near) return asSent(near.reason);
  const places = hitsOf(near.answer, plan, statesField);
  if (!places || places.hits.length === 0) return asSent('no-vectors');
  const answer = fusedAnswer(kind, own, { answer: near.answer, places }, plan.window);
  const fused = hitsOf(answer, plan, statesField);
  if (!fused) return asSent('vector-refused');
  return {
    answer,
    places: fused,
    firstStage: { kind, ...(isPartial(near.answer) && { reason: 'partial' as const }) },
  };
}

/** Whether an answer lacks the hits of some shards. */
function isPartial(answer: Buffer): boolean {
  const members = membersOf(answer, skipSpace(answer, 0));
  const text = (name: string) => {
    const value = members.findLast(({ key }) => key === name)?.value;
    return value && answer.toString('latin1', value.start, value.end);
  };
  return text('timed_out') === 'true' || /"failed"\s*:\s*[1-9]/.test(text('_shards') ?? '');
}

async function askOwn(
  path: string,
  plan: Wanted,
  needs: RerankNeeds,
  clock: StageClock,
): Promise<FoundHits | Replay> {
  const { status, headers, body } = await clock.time('upstream', () => needs.searchAt(path));
  const sent = await readAnswer(body, needs.bodyLimitBytes);
  if (status !== 200) return { kind: 'replay', reason: 'upstream-status' };
  if (!sent) return { kind: 'replay', reason: 'too-large' };
  if (!/json/i.test(String(headers['content-type']))) return { kind: 'replay', reason: 'media-type' };
  const opened = (await needs.open?.(sent)) ?? { answer: sent, close: (answer: Buffer) => answer };
  if (typeof opened === 'string') return { kind: 'replay', reason: opened };
  await turnOfLoop();
  const places = hitsOf(opened.answer, plan, needs.statesField);
  // A filtered answer has no list of hits where there are none.
  if (!places) return { kind: 'replay', reason: plan.isFiltered ? 'no-hits' : 'unreadable-answer' };
  return { kind: 'found', status, headers, ...opened, places };
}

/** A search whose question is being encoded while the cluster searches. */
export interface Begun {
  readonly query: Promise<EncodedQuery>;
  readonly deadline: AbortSignal;
  readonly deadlineAtMs: number;
  readonly clock: StageClock;
}

export function beginScoring(plan: Wanted, needs: ScoringNeeds, clock: StageClock): Begun {
  const { deadline, deadlineAtMs } = openDeadline(plan, needs);
  const query = clock.time('query', () =>
    needs.model.encodeQuery(plan.queryText, { priority: 'search', signal: deadline }),
  );
  query.catch(() => {});
  return { query, deadline, deadlineAtMs, clock };
}

/** Fires when the time of a search is over, or its caller left. */
export function openDeadline(
  { deadlineMs }: Pick<Wanted, 'deadlineMs'>,
  { signal, arrivedMs }: Pick<ScoringNeeds, 'signal' | 'arrivedMs'>,
): Pick<Begun, 'deadline' | 'deadlineAtMs'> {
  const deadlineAtMs = arrivedMs + deadlineMs;
  const leftMs = Math.max(0, Math.ceil(deadlineAtMs - performance.now()));
  return { deadline: AbortSignal.any([signal, AbortSignal.timeout(leftMs)]), deadlineAtMs };
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
  { answer, places, firstStage }: Candidates,
  begun: Begun,
  needs: ScoringNeeds,
): Promise<RerankedAnswer> {
  const candidates = places.hits.slice(0, plan.window);
  const { sourceIsWhole } = plan;
  const window = { ...begun, answer, hits: candidates, sourceIsWhole };
  const score = () => scoreWindow(window, begun.clock, needs);
  const verdictFor = (scored: Scored) => {
    const tookMs = performance.now() - needs.arrivedMs;
    return withFirstStage(verdictOf(scored, candidates.length, needs.model.bundle.model, tookMs), firstStage);
  };
  const blend = blendFor(firstStage, needs.model);
  if (plan.shadow) return shadowed(plan, answer, places, { score, verdictFor, blend }, needs);
  const scored = await score();
  const order = orderOf(scored.scores, blend);
  const page = pageOf(plan, places, order);
  const body = splice(answer, places, page);
  const verdict = verdictFor(scored);
  return {
    body: plan.explain ? explained(plan, answer, places, page, scored, verdict, begun.clock)(body) : body,
    verdict,
    order,
    reason: scored.reason,
  };
}

/**
 * How a rank of the first stage enters the score. Neighbours are ranked by a cosine, which is a term of the score
 * already, so their ranks add nothing.
 */
export function blendFor(
  firstStage: UsedFirstStage | undefined,
  model: Pick<WindowNeeds['model'], 'bundle'>,
): FirstStageBlend {
  const blend = model.bundle.score.firstStage;
  return firstStage?.kind === 'vector' ? { ...blend, weight: 0 } : blend;
}

interface Comparing {
  readonly score: () => Promise<Scored>;
  readonly verdictFor: (scored: Scored) => Verdict;
  readonly blend: FirstStageBlend;
}

/** The cluster's own page; scores are compared afterwards, or, where the caller wants them explained, before. */
async function shadowed(
  plan: Wanted,
  answer: Buffer,
  places: HitPlaces,
  { score, verdictFor, blend }: Comparing,
  needs: ScoringNeeds,
): Promise<RerankedAnswer> {
  const body = splice(answer, places, pageOf(plan, places, []));
  const compared = score().then((scored) => {
    const changes = changesIn(plan, places, scored, blend, needs);
    if (changes) needs.onShadow(changes);
    return { scored, changes };
  });
  if (!plan.explain) {
    void compared.catch((error) => needs.log.warn(loggable(error), 'a shadow search could not be compared'));
    const unscored = places.hits.slice(0, plan.window).map(() => undefined);
    return { body, verdict: asShadow(verdictFor({ scores: unscored, states: [], read: [] }), undefined) };
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
  blend: FirstStageBlend,
  needs: ScoringNeeds,
): RankChanges | undefined {
  const scored = scores.flatMap((score, place) => (score === undefined ? [] : [place]));
  if (scored.length === 0) return undefined;
  const rankOf = new Map(scored.map((place, rank) => [place, rank]));
  const order = orderOf(scores, blend).flatMap(({ place }) => rankOf.get(place) ?? []);
  const ids = scored.map((place) => (places.hits[place] as HitPlace).id);
  return rankChanges(order, plan.size, ids, needs.judgementsOf(plan.queryText));
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

function explained(
  plan: Wanted,
  answer: Buffer,
  { hits }: HitPlaces,
  page: Page,
  scored: Scored | undefined,
  verdict: Verdict,
  { timesMs }: StageClock,
): (body: Buffer) => Buffer {
  const explanation = { answer, hits, page: page.hits, firstRank: plan.from + 1, scored, verdict, timesMs };
  return (body) => withExplanation(body, explanation);
}

function verdictOf(
  { scores, read = [], reason }: Pick<Scored, 'scores' | 'reason'> & Partial<Pick<Scored, 'read'>>,
  window: number,
  model: string,
  tookMs: number,
): Verdict {
  if (scores.length === 0) return { outcome: 'skipped', reason: 'no-hits' };
  const scored = scores.filter((score) => score !== undefined).length;
  const outcome = reason === undefined || (reason === 'no-text' && scored > 0) ? 'reranked' : 'degraded';
  return { outcome, ...(reason && { reason }), window, scored, ...longTexts(read), model, tookMs };
}

/** What is told of texts that are not one passage. */
function longTexts(all: Scored['read']): { readonly passages?: number; readonly truncated?: number } {
  const read = all.filter((one) => one !== undefined);
  const passages = read.reduce((sum, one) => sum + one.passages, 0);
  const truncated = read.filter((one) => one.truncated).length;
  return { ...(passages > read.length && { passages }), ...(truncated > 0 && { truncated }) };
}

function withFirstStage(verdict: Verdict, firstStage: UsedFirstStage | undefined): Verdict {
  return firstStage === undefined ? verdict : { ...verdict, firstStage };
}
