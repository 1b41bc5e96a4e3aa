/** `_msearch` and `_msearch/template`: every search is planned, widened and spliced by itself, in one request. */
import { membersOf, type Span } from '../json/spans.ts';
import { loggable } from '../observe/log.ts';
import { startStageClock } from '../observe/stages.ts';
import { type Controls, controlsOfHeaders } from './controls.ts';
import { type Exchange, type Substitute, sendOn } from './exchange.ts';
import { type FilterDemand, readFilterPath } from './filter-path.ts';
import { findHits } from './hits.ts';
import {
  readMultiSearch,
  responsesIn,
  type SubLines,
  type SubRequest,
  withoutStatus,
  withResponses,
  writeMultiSearch,
} from './multi-search.ts';
import { isNear, planSubSearch, type SubPlan, statesFieldOf } from './plan.ts';
import { openVectorizer, type Vectorizer } from './query-vector.ts';
import {
  type Begun,
  beginScoring,
  hitsOf,
  type NearAnswer,
  openDeadline,
  type RerankedAnswer,
  rerankAnswer,
  unscoredAnswer,
  withNeighbours,
} from './rerank.ts';
import { plainSubstitute } from './routes.ts';
import {
  answerReranked,
  limitBytes,
  passOn,
  readable,
  readSearch,
  scoringNeeds,
  skip,
  unlessOurs,
} from './search-exchange.ts';
import { nearBodyFor } from './search-near.ts';
import type { Services } from './services.ts';
import { serving } from './serving.ts';
import { splice } from './splice.ts';
import { parameterIn, parseTarget, printTarget, withParameters } from './target.ts';
import { plainTarget } from './template.ts';
import { renderTemplate } from './template-route.ts';
import { turnOfLoop } from './turns.ts';
import { readAnswer } from './upstream.ts';
import type { FirstStageReason, Verdict } from './verdicts.ts';
import { widenBody } from './widen-body.ts';

/** Searches of one request that are rendered or scored at a time. */
const AT_A_TIME = 4;

interface Part {
  readonly header: Buffer;
  /** The line as the caller would have sent it without us. */
  readonly own: Buffer;
  readonly plan: SubPlan;
  /** `own` is a search, though a template came: only the rendered one has its vectors. */
  readonly mustBeRendered?: boolean;
}

/** @param kind what the lines hold */
export async function multiSearch(
  exchange: Exchange,
  all: Services,
  index: string | undefined,
  kind: 'searches' | 'templates',
): Promise<void> {
  const target = parseTarget(exchange.target);
  const controls = controlsOfHeaders(exchange.request.headers);
  const body = await readSearch(exchange, all);
  if (!body) return;
  const asItCame = { body: body.raw };
  const requests = readMultiSearch(body.plain);
  if (!requests) return skip(exchange, all, 'unreadable-body', asItCame);
  const services = serving(
    all,
    requests.map((request) => request.index ?? index),
  );
  if ((parameterIn(target, 'format') ?? 'json') !== 'json')
    return skip(exchange, services, 'media-type', asItCame);
  const filterPath = parameterIn(target, 'filter_path');
  const statesField = statesFieldOf(services.settings);
  const filter = filterPath === undefined ? undefined : readFilterPath(filterPath, statesField, true);
  const parts = await partsOf(exchange, services, requests, { index, controls, kind, filter });
  const plain = parseTarget(kind === 'templates' ? plainTarget(exchange.target) : exchange.target);
  const own = parts.some(({ mustBeRendered }) => mustBeRendered)
    ? { ...plainSubstitute(linesOf(parts)), path: printTarget(plain) }
    : unlessOurs(body, ownLines(parts, body.plain));
  if (parts.some(isUnrendered)) return skip(exchange, services, 'template', own);
  const widened = filter?.kind === 'hits' ? withParameters(plain, { filter_path: filter.widened }) : plain;
  await rerankAll(exchange, services, parts, {
    own,
    widenedPath: printTarget(widened),
    filter: filter?.kind === 'hits' ? filter : undefined,
  });
}

interface Common {
  /** The index expression of the path. */
  readonly index: string | undefined;
  readonly controls: Controls;
  readonly kind: 'searches' | 'templates';
  readonly filter: FilterDemand | undefined;
}

async function partsOf(
  exchange: Exchange,
  services: Services,
  requests: readonly SubRequest[],
  { index, controls: fromHeaders, kind, filter }: Common,
): Promise<readonly Part[]> {
  const vectorizer = openVectorizer(services, exchange);
  const parts = await inTurns(requests, async (request): Promise<Part> => {
    const { header } = request;
    const scope = request.index ?? index;
    if (kind === 'searches') {
      const search = { body: request.body, index: scope, controls: fromHeaders, filter };
      const plan = await withVectors(planSubSearch(search, services.settings), vectorizer);
      return { header, own: plan.body, plan };
    }
    const rendered = await renderTemplate(exchange, services, request.body);
    const { own } = rendered;
    if (!rendered.search) return { header, own, plan: { kind: 'skip', reason: 'template', body: own } };
    const controls = { ...rendered.controls, ...fromHeaders };
    const search = { body: rendered.search, index: scope, controls, filter };
    const asked = planSubSearch(search, services.settings);
    const plan = await withVectors(asked, vectorizer);
    return { header, own, plan, mustBeRendered: plan !== asked };
  });
  // One endpoint takes them all: as searches, where each is one, or as templates.
  const asSearches = parts.some(({ mustBeRendered }) => mustBeRendered) && !parts.some(isUnrendered);
  return parts.map(({ header, own, plan }) => ({
    header,
    own: asSearches ? plan.body : own,
    plan,
    mustBeRendered: asSearches,
  }));
}

const isUnrendered = ({ plan }: Part) => plan.kind === 'skip' && plan.reason === 'template';

/** The same plan where no text stands for a vector. */
async function withVectors(plan: SubPlan, vectorizer: Vectorizer): Promise<SubPlan> {
  const body = await vectorizer.of(plan.body);
  if (body === plan.body) return plan;
  return plan.kind === 'skip'
    ? { ...plan, body }
    : { ...plan, body, widenedBody: await vectorizer.of(plan.widenedBody) };
}

interface Sending {
  readonly own: Substitute;
  readonly widenedPath: string;
  readonly filter: Filter | undefined;
}

type Skip = Extract<SubPlan, { kind: 'skip' }>;
type Filter = Extract<FilterDemand, { kind: 'hits' }>;

async function rerankAll(
  exchange: Exchange,
  services: Services,
  parts: readonly Part[],
  { own: asItCame, widenedPath, filter }: Sending,
): Promise<void> {
  if (parts.every(({ plan }) => plan.kind === 'skip')) {
    const verdicts = parts.map(({ plan }) =>
      plan.kind === 'skip' ? skipped(plan) : skipped({ reason: 'off' }),
    );
    return passOn(exchange, services, verdicts, asItCame);
  }
  const clock = startStageClock();
  const nearing = nearLines(exchange, services, parts);
  const begun = parts.map(({ plan }) =>
    plan.kind === 'skip' || plan.unscored
      ? undefined
      : beginScoring(plan, scoringNeeds(exchange, services, plan), startStageClock()),
  );
  const beside = await nearing;
  const own = parts.map(({ header, plan }) => ({
    header,
    body: plan.kind === 'skip' ? plan.body : plan.widenedBody,
  }));
  const added = beside.flatMap((one) => (one && 'body' in one ? [one] : []));
  const widened = writeMultiSearch([...own, ...added]);
  const answer = await clock.time('upstream', () =>
    sendOn(exchange, services.upstream, readable(widenedPath, widened)),
  );
  const read = await readAnswer(answer.body, limitBytes(services));
  if (answer.status !== 200) return skip(exchange, services, 'upstream-status', asItCame);
  if (!read) return skip(exchange, services, 'too-large', asItCame);
  const responses = responsesIn(read, parts.length + added.length);
  if (!responses) return skip(exchange, services, 'unreadable-answer', asItCame);
  const responseAt = (at: number) => {
    const { start, end } = responses.each[at] as Span;
    return read.subarray(start, end);
  };
  const nearOf = (at: number): NearAnswer | undefined => {
    const one = beside[at];
    return one && 'body' in one ? neighboursIn(responseAt(parts.length + added.indexOf(one))) : one;
  };
  const answered = await clock.time('total', () =>
    inTurns(parts, (part, at) =>
      answerPart(exchange, services, responseAt(at), part, { begun: begun[at], near: nearOf(at), filter }),
    ),
  );
  const replies = filter
    ? answered
    : await withOwnErrors(exchange, services, parts, answered, asItCame.path ?? exchange.target);
  const bytes = withResponses(read, responses, [
    ...replies.map(({ body }) => (filter?.hidesStatus ? withoutStatus(body) : body)),
    ...added.map(() => undefined),
  ]);
  for (const one of begun) if (one) services.metrics.observeStages(one.clock.timesMs);
  answerReranked(
    exchange,
    services,
    answer,
    bytes,
    replies.map(({ verdict }) => verdict),
    {
      clock,
      explain: parts.some(({ plan }) => plan.kind === 'rerank' && plan.explain),
    },
  );
}

interface Answered extends Pick<RerankedAnswer, 'body' | 'verdict'> {
  /** The widened search gave an error, or nothing to work on: the caller's own is to be asked. */
  readonly failed?: true;
}

async function answerPart(
  exchange: Exchange,
  services: Services,
  body: Buffer,
  { plan }: Part,
  { begun, near, filter }: Beside,
): Promise<Answered> {
  if (plan.kind === 'skip')
    return {
      body: filter ? withoutHidden(body, filter, statesFieldOf(services.settings)) : body,
      verdict: skipped(plan),
    };
  const needs = scoringNeeds(exchange, services, plan);
  await turnOfLoop();
  const places = hitsOf(body, plan, needs.statesField);
  if (!places) {
    const reason = hasFailed(body) ? 'upstream-status' : filter ? 'no-hits' : 'unreadable-answer';
    return { body, verdict: skipped({ reason }), failed: true };
  }
  const own = { answer: body, places };
  const found =
    isNear(plan.firstStage) && near
      ? withNeighbours(plan, plan.firstStage, own, near, needs.statesField)
      : { ...own, firstStage: isNear(plan.firstStage) ? undefined : plan.firstStage };
  return begun ? rerankAnswer(plan, found, begun, needs) : unscoredAnswer(plan, found);
}

interface Beside {
  readonly begun: Begun | undefined;
  readonly near: NearAnswer | undefined;
  readonly filter: Filter | undefined;
}

type NearLine = SubLines | { readonly reason: FirstStageReason };

/** For each search with another first stage, the search by vector that goes beside it in the same request. */
function nearLines(
  exchange: Exchange,
  services: Services,
  parts: readonly Part[],
): Promise<readonly (NearLine | undefined)[]> {
  const arrival = { signal: exchange.signal, arrivedMs: exchange.startedMs };
  return inTurns(parts, async ({ header, plan }): Promise<NearLine | undefined> => {
    if (plan.kind === 'skip' || !isNear(plan.firstStage)) return undefined;
    const { deadline } = openDeadline(plan, arrival);
    const made = await nearBodyFor(services, plan.firstStage, plan.queryText, deadline);
    if ('reason' in made) return made;
    const states = plan.difference.keepStates ? undefined : statesFieldOf(services.settings);
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
  exchange: Exchange,
  services: Services,
  parts: readonly Part[],
  answered: readonly Answered[],
  path: string,
): Promise<readonly Answered[]> {
  const failed = answered.flatMap(({ failed: did }, at) => (did ? [at] : []));
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

function linesOf(parts: readonly Part[]): Buffer {
  return writeMultiSearch(parts.map(({ header, own }) => ({ header, body: own })));
}

/** The caller's lines without what was ours; the very same bytes where nothing was. */
function ownLines(parts: readonly Part[], received: Buffer): Buffer {
  const lines = linesOf(parts);
  const start = received[0] === 0x0a ? 1 : 0;
  return lines.equals(received.subarray(start)) ? received : lines;
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

/** What `work` gives for each item, in order, a few at a time. */
async function inTurns<T, R>(
  items: readonly T[],
  work: (item: T, at: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += AT_A_TIME) {
    const turn = items.slice(start, start + AT_A_TIME);
    results.push(...(await Promise.all(turn.map((item, at) => work(item, start + at)))));
  }
  return results;
}
