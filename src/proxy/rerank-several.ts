/** Several searches of one request, re-ranked: asked for together, each answered from its own response. */
import { membersOf, type Span } from '../json/spans.ts';
import { loggable } from '../observe/log.ts';
import { type StageClock, startStageClock } from '../observe/stages.ts';
import { type Exchange, type Substitute, sendOn } from './exchange.ts';
import type { FilterDemand } from './filter-path.ts';
import { findHits } from './hits.ts';
import { inTurns } from './in-turns.ts';
import { refusalUnder } from './load.ts';
import {
  type Responses,
  responsesIn,
  type SubLines,
  withoutStatus,
  withResponses,
  writeMultiSearch,
} from './multi-search.ts';
import { isNear, type SubPlan, statesFieldOf } from './plan.ts';
import {
  answerByKept,
  type Begun,
  beginScoring,
  type Candidates,
  hitsOf,
  keepOrder,
  keptFor,
  type NearAnswer,
  openDeadline,
  type PageNeeds,
  rerankAnswer,
  type ScoringNeeds,
  unscoredAnswer,
  withNeighbours,
} from './rerank.ts';
import {
  answerReranked,
  limitBytes,
  passOn,
  readable,
  scoringNeeds,
  skip,
  unscored,
} from './search-exchange.ts';
import { nearBodyFor } from './search-near.ts';
import type { Services } from './services.ts';
import { splice } from './splice.ts';
import { turnOfLoop } from './turns.ts';
import { readAnswer, type UpstreamAnswer } from './upstream.ts';
import type { FirstStageReason, SkipReason, Verdict } from './verdicts.ts';
import { widenBody } from './widen-body.ts';
import { type KeptWindow, windowKey } from './window-cache.ts';

export interface Part {
  readonly header: Buffer;
  /** The line as the caller would have sent it without us. */
  readonly own: Buffer;
  readonly plan: SubPlan;
}

export interface Sending {
  /** The request as the caller would have sent it without us. */
  readonly own: Substitute;
  readonly widenedPath: string;
  readonly filter: Filter | undefined;
}

type Skip = Extract<SubPlan, { kind: 'skip' }>;
type RerankSubPlan = Extract<SubPlan, { kind: 'rerank' }>;
type Filter = Extract<FilterDemand, { kind: 'hits' }>;

/** The request whose searches are asked for. */
interface Asking extends Sending {
  readonly exchange: Exchange;
  readonly services: Services;
  /** Of all its searches. */
  readonly clock: StageClock;
}

export async function rerankSeveral(
  exchange: Exchange,
  services: Services,
  parts: readonly Part[],
  sending: Sending,
): Promise<void> {
  const { own, filter } = sending;
  const clock = startStageClock();
  const asking: Asking = { exchange, services, clock, ...sending };
  const works = parts.map((part) => begin(asking, part));
  const passed = works.flatMap((work) => (work.kind === 'passed' ? [work.verdict] : []));
  if (passed.length === works.length) return passOn(exchange, services, passed, own);
  const round = await clock.time('total', () => ask(asking, works));
  if (typeof round === 'string') return skip(exchange, services, round, own);
  const scored = await clock.time('total', () => withScores(asking, round.outcomes));
  const answered = filter ? scored : await withOwnErrors(asking, parts, scored);
  const bytes = withResponses(round.sent, round.responses, [
    ...answered.map(({ body }) => (filter?.hidesBeside ? withoutStatus(body) : body)),
    ...Array<undefined>(round.added).fill(undefined),
  ]);
  const verdicts = answered.map(({ verdict }) => verdict);
  const explain = parts.some(({ plan }) => plan.kind === 'rerank' && plan.explain);
  answerReranked(exchange, services, round.answer, bytes, verdicts, { clock, explain });
}

/** A search of the request at work. */
type Work = Passed | Widened;

/** It goes as the caller sent it. */
interface Passed extends Part {
  readonly kind: 'passed';
  readonly verdict: Verdict;
}

interface Widened extends Part {
  readonly kind: 'widened';
  readonly plan: RerankSubPlan;
  /** The order of its window, where an earlier page left it behind. */
  readonly kept?: KeptWindow;
  /** Undefined where nothing is to be scored. */
  readonly begun?: Begun;
  readonly needs: ScoringNeeds & PageNeeds;
  readonly clock: StageClock;
}

function begin(asking: Asking, part: Part): Work {
  const { exchange, services } = asking;
  const { plan } = part;
  if (plan.kind === 'skip') return { ...part, kind: 'passed', verdict: skipped(plan) };
  const needs = needsOf(asking, plan);
  const work: Widened = { ...part, plan, kind: 'widened', needs, clock: startStageClock() };
  if (plan.unscored) return work;
  const kept = keptFor(plan, needs);
  if (kept) return { ...work, kept };
  const refusal = refusalUnder(services.load);
  return refusal
    ? { ...part, kind: 'passed', verdict: unscored(exchange, services, refusal) }
    : withScoring(work);
}

function withScoring({ kept: _, ...work }: Widened): Widened {
  return { ...work, begun: beginScoring(work.plan, work.needs, work.clock) };
}

function needsOf({ exchange, services }: Asking, plan: RerankSubPlan): ScoringNeeds & PageNeeds {
  return {
    ...scoringNeeds(exchange, services, plan),
    pages: services.pages,
    windowKey: windowKey(plan.basis, services.model.bundle.id, exchange.request),
  };
}

interface Round {
  readonly answer: UpstreamAnswer;
  /** What the cluster sent. */
  readonly sent: Buffer;
  /** First those of the caller's searches, then those of `added` searches of ours. */
  readonly responses: Responses;
  readonly added: number;
  readonly outcomes: readonly Outcome[];
}

type Outcome = Answered | Changed;

interface Answered {
  /** `failed`: the widened search gave an error, or nothing to work on; the caller's own is to be asked. */
  readonly kind: 'answered' | 'failed';
  readonly body: Buffer;
  readonly verdict: Verdict;
}

/** Not the hits any more of which an order is kept. */
interface Changed {
  readonly kind: 'changed';
  readonly work: Widened;
  readonly found: Candidates;
}

function lineOf(work: Work): Buffer {
  if (work.kind === 'passed') return work.plan.body;
  return work.kept ? work.plan.windowBody : work.plan.widenedBody;
}

/** Asks for all of `works` in one request; gives the reason where the answer is none to work on. */
async function ask(asking: Asking, works: readonly Work[]): Promise<Round | SkipReason> {
  const { exchange, services, clock, widenedPath } = asking;
  const beside = await nearLines(asking, works);
  const lines = works.map((work) => ({ header: work.header, body: lineOf(work) }));
  const added = beside.flatMap((one) => (one && 'body' in one ? [one] : []));
  const widened = writeMultiSearch([...lines, ...added]);
  const answer = await clock.time('upstream', () =>
    sendOn(exchange, services.upstream, readable(widenedPath, widened)),
  );
  const sent = await readAnswer(answer.body, limitBytes(services));
  if (answer.status !== 200) return 'upstream-status';
  if (!sent) return 'too-large';
  const responses = responsesIn(sent, works.length + added.length);
  if (!responses) return 'unreadable-answer';
  const responseAt = (at: number) => {
    const { start, end } = responses.each[at] as Span;
    return sent.subarray(start, end);
  };
  const nearOf = (at: number): NearAnswer | undefined => {
    const one = beside[at];
    return one && 'body' in one ? neighboursIn(responseAt(works.length + added.indexOf(one))) : one;
  };
  const outcomes = await inTurns(works, (work, at) => outcomeOf(asking, work, responseAt(at), nearOf(at)));
  return { answer, sent, responses, added: added.length, outcomes };
}

async function outcomeOf(
  asking: Asking,
  work: Work,
  body: Buffer,
  near: NearAnswer | undefined,
): Promise<Outcome> {
  const { services, filter } = asking;
  const statesField = statesFieldOf(services.settings);
  if (work.kind === 'passed') {
    const shown = filter ? withoutHidden(body, filter, statesField) : body;
    return { kind: 'answered', body: shown, verdict: work.verdict };
  }
  const { plan, kept, needs, clock } = work;
  await turnOfLoop();
  const places = hitsOf(body, plan, statesField);
  if (!places) {
    const reason = hasFailed(body) ? 'upstream-status' : filter ? 'no-hits' : 'unreadable-answer';
    return { kind: 'failed', body, verdict: skipped({ reason }) };
  }
  const own = { answer: body, places };
  const found =
    isNear(plan.firstStage) && near
      ? withNeighbours(plan, plan.firstStage, own, near, statesField)
      : { ...own, firstStage: isNear(plan.firstStage) ? undefined : plan.firstStage };
  if (!kept) return scoredIn(services, work, found);
  const page = answerByKept(plan, found, kept, needs, clock);
  return page ? { kind: 'answered', ...page } : { kind: 'changed', work, found };
}

async function scoredIn(
  { metrics }: Services,
  { plan, begun, needs }: Widened,
  found: Candidates,
): Promise<Answered> {
  if (!begun) return { kind: 'answered', ...unscoredAnswer(plan, found) };
  const reranked = await rerankAnswer(plan, found, begun, needs);
  keepOrder(plan, found, reranked, needs);
  metrics.observeStages(begun.clock.timesMs);
  return { kind: 'answered', ...reranked };
}

/** Asks once more, for states too, for those searches whose kept order does not hold any more. */
async function withScores(asking: Asking, outcomes: readonly Outcome[]): Promise<readonly Answered[]> {
  const works = new Map(
    outcomes.flatMap((one) => (one.kind === 'changed' ? [[one, withScoring(one.work)] as const] : [])),
  );
  const round = works.size > 0 ? await askAgain(asking, [...works.values()]) : undefined;
  const changed = [...works.keys()];
  return inTurns(outcomes, async (one): Promise<Answered> => {
    if (one.kind !== 'changed') return one;
    const again = round?.outcomes[changed.indexOf(one)];
    if (again && again.kind !== 'changed') return again;
    // What was found is still an answer: its documents are read on sight.
    return scoredIn(asking.services, works.get(one) as Widened, one.found);
  });
}

async function askAgain(asking: Asking, works: readonly Work[]): Promise<Round | undefined> {
  try {
    const round = await ask(asking, works);
    return typeof round === 'string' ? undefined : round;
  } catch (error) {
    if (asking.exchange.signal.aborted) throw error;
    asking.services.log.warn(loggable(error), 'searches of one request could not be asked for anew');
    return undefined;
  }
}

type NearLine = SubLines | { readonly reason: FirstStageReason };

/** For each search with another first stage, the search by vector that goes beside it in the same request. */
function nearLines(
  { exchange, services }: Asking,
  works: readonly Work[],
): Promise<readonly (NearLine | undefined)[]> {
  const arrival = { signal: exchange.signal, arrivedMs: exchange.startedMs };
  return inTurns(works, async (work): Promise<NearLine | undefined> => {
    if (work.kind === 'passed' || !isNear(work.plan.firstStage)) return undefined;
    const { header, plan, kept } = work;
    const { deadline } = openDeadline(plan, arrival);
    const made = await nearBodyFor(services, work.plan.firstStage, plan.queryText, deadline);
    if ('reason' in made) return made;
    const states = kept || plan.difference.keepStates ? undefined : statesFieldOf(services.settings);
    const body = widenBody(made.body, plan.window, states);
    return body ? { header, body } : { reason: 'vector-refused' };
  });
}

function neighboursIn(response: Buffer): NearAnswer {
  return hasFailed(response) ? { reason: 'vector-refused' } : { answer: response };
}

/** A response in the cluster's order without what only the others' re-ranking asked for. */
function withoutHidden(body: Buffer, { hidden }: Filter, statesField: string): Buffer {
  try {
    const places = findHits(body, statesField, { keepStates: true, hidden });
    const hits = places.hits.map((_, place) => ({ place, score: undefined }));
    return splice(body, places, { hits, maxScore: undefined });
  } catch {
    return body;
  }
}

/** Asks once more, as the caller did, for those searches that failed widened: errors are to be of their own request. */
async function withOwnErrors(
  { exchange, services, own: { path = exchange.target } }: Asking,
  parts: readonly Part[],
  answered: readonly Answered[],
): Promise<readonly Answered[]> {
  const failed = answered.flatMap(({ kind }, at) => (kind === 'failed' ? [at] : []));
  if (failed.length === 0) return answered;
  try {
    const lines = failed.map((at) => ({
      header: (parts[at] as Part).header,
      body: (parts[at] as Part).own,
    }));
    const answer = await sendOn(exchange, services.upstream, readable(path, writeMultiSearch(lines)));
    const read = await readAnswer(answer.body, limitBytes(services));
    const responses = answer.status === 200 && read ? responsesIn(read, failed.length) : undefined;
    if (!responses || !read) return answered;
    const own = new Map(failed.map((at, place) => [at, responses.each[place] as Span]));
    return answered.map((one, at) => {
      const span = own.get(at);
      return span ? { ...one, body: read.subarray(span.start, span.end) } : one;
    });
  } catch (error) {
    services.log.warn(loggable(error), 'failed searches of one request could not be asked again');
    return answered;
  }
}

function hasFailed(response: Buffer): boolean {
  try {
    const members = membersOf(response, 0);
    const status = members.findLast(({ key }) => key === 'status')?.value;
    return (
      members.some(({ key }) => key === 'error') ||
      (status !== undefined && response.toString('latin1', status.start, status.end) !== '200')
    );
  } catch {
    return false;
  }
}

const skipped = ({ reason, firstStage }: Pick<Skip, 'reason' | 'firstStage'>): Verdict => ({
  outcome: 'skipped',
  reason,
  firstStage,
});
