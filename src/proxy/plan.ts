/** What to do with a search: leave it to the cluster, or ask for a window and re-rank it. Pure. */
import { createHash } from 'node:crypto';
import { type FirstStageKind, fitsPattern, type IndexRule, ruleFor } from '../config/index-rules.ts';
import type { Settings } from '../config/options.ts';
import { cutsOf, type Member, membersOf, skipSpace, without } from '../json/spans.ts';
import { type Controls, controlsOfBody } from './controls.ts';
import { deadlineOf } from './deadline.ts';
import { type AnswerForm, type FilterDemand, readFilterPath } from './filter-path.ts';
import type { HitDifference } from './hits.ts';
import { type NearSearch, nearSearchOf, nearTarget } from './near-search.ts';
import { queryTextOf } from './query-text.ts';
import { type Retriever, retrieversIn } from './retrievers.ts';
import { isInShare } from './share.ts';
import {
  parameterIn,
  parseTarget,
  printTarget,
  type Target,
  withoutParameters,
  withParameters,
} from './target.ts';
import type { SkipReason, UsedFirstStage } from './verdicts.ts';
import { widenBody } from './widen-body.ts';

/** What to re-rank of a search, however it is sent. */
export interface Wanted {
  readonly queryText: string;
  /** The page that the caller asked for. */
  readonly from: number;
  readonly size: number;
  /** Hits to re-rank. */
  readonly window: number;
  /** Hits to ask the cluster for, from the first. */
  readonly hits: number;
  /** The index expression that is searched, decoded; undefined for all indices. */
  readonly index: string | undefined;
  readonly deadlineMs: number;
  readonly explain: boolean;
  /** Score and compare, but answer in the order of the cluster. */
  readonly shadow: boolean;
  readonly textFields: readonly string[];
  /** Whether `_source` comes whole, so that a document's text can be read from its hit. */
  readonly sourceIsWhole: boolean;
  /** The caller sees parts of the answer only. */
  readonly isFiltered: boolean;
  /** How what is asked for differs from what the caller wants to see of a hit. */
  readonly difference: HitDifference;
  /** Why the order of the first stage is the answer; undefined where hits are scored. */
  readonly unscored?: 'off' | 'beyond-window' | undefined;
  /** Where something else than the search itself was wanted as first stage: the search beside it, or why there is none. */
  readonly firstStage?: NearSearch | UsedFirstStage | undefined;
}

export interface RerankPlan extends Wanted {
  readonly kind: 'rerank';
  /** Path and query string that ask for the window and the states; the body goes as it came. */
  readonly widenedPath: string;
  /** The same without the states: for a window whose order is known, or whose states may be in memory. */
  readonly windowPath: string;
  /** Where states are asked for by the ids of hits: what this path shows of an index is what the search's does. */
  readonly statesPath: string;
  /** The same for the search by vector beside it. */
  readonly nearPaths: { readonly widened: string; readonly window: string };
  /** The same for every page of a search: a digest of all that is asked but for the page. */
  readonly basis: string;
  readonly body: Buffer;
}

export interface SkipPlan {
  readonly kind: 'skip';
  readonly reason: SkipReason;
  readonly firstStage?: UsedFirstStage | undefined;
  /** Path and query string, and body, without what was ours. */
  readonly path: string;
  readonly body: Buffer;
}

export interface SearchRequest {
  /** Path with query string, as received. */
  readonly path: string;
  /** Decoded body; empty when there was none. */
  readonly body: Buffer;
  readonly controls: Controls;
  /** The index expression of the path, decoded; undefined for all indices. */
  readonly index?: string | undefined;
  /** In what it is answered. */
  readonly form?: AnswerForm | undefined;
}

type Body = Readonly<Record<string, unknown>>;

/** @throws MiceError `bad-option` when `ext.mice` holds what is not accepted */
export function planSearch(request: SearchRequest, settings: Settings): RerankPlan | SkipPlan {
  const received = parseTarget(request.path);
  // Both engines read a body from the URL where the request has none.
  const inUrl = request.body.length === 0 ? parameterIn(received, 'source') : undefined;
  const bytes = inUrl === undefined ? request.body : Buffer.from(inUrl);
  const parsed = parseBody(bytes);
  if (parsed === undefined)
    return { kind: 'skip', reason: 'unreadable-body', path: request.path, body: request.body };
  const { body: left, ours } = withoutOurs(bytes, parsed);
  const target =
    inUrl === undefined || left === bytes ? received : withParameters(received, { source: left.toString() });
  const body = inUrl === undefined ? left : request.body;
  const controls: Controls = { ...controlsOfBody(ours), ...request.controls };
  const filterPath = parameterIn(target, 'filter_path');
  const filter =
    filterPath === undefined ? undefined : readFilterPath(filterPath, statesFieldOf(settings), request.form);
  const wanted = readSearch(
    { body: parsed, bytes: left, target, controls, index: request.index, filter },
    settings,
  );
  if ('reason' in wanted) return { kind: 'skip', ...wanted, path: printTarget(target), body };
  const window = withParameters(target, {
    from: '0',
    size: String(wanted.hits),
    ...(filter?.kind === 'hits' && { filter_path: filter.widened }),
  });
  const widened = wanted.difference.keepStates
    ? window
    : withParameters(window, { docvalue_fields: withStates(target, statesFieldOf(settings)) });
  const near = (path: Target) => printTarget(nearTarget(path, wanted.window));
  return {
    kind: 'rerank',
    ...wanted,
    windowPath: printTarget(window),
    widenedPath: printTarget(widened),
    statesPath: printTarget(statesTarget(target, request.index)),
    nearPaths: { widened: near(widened), window: near(window) },
    basis: basisOf(target, wanted, left),
    body,
  };
}

/** One search of a request that holds several: it has no URL of its own, so its body is rewritten. */
export interface SubSearch {
  /** The target of the whole request. */
  readonly target: Target;
  /** The line before the body, as it came. */
  readonly header: Buffer;
  readonly body: Buffer;
  /** The index expression that holds for it. */
  readonly index: string | undefined;
  readonly controls: Controls;
  /** The filter of the whole answer. */
  readonly filter?: FilterDemand | undefined;
}

export type SubPlan =
  | (Wanted & {
      readonly kind: 'rerank';
      /** The body without what was ours. */
      readonly body: Buffer;
      /** The body that asks for the window and the states. */
      readonly widenedBody: Buffer;
      /** The same without the states: for a window whose order is known. */
      readonly windowBody: Buffer;
      /** The same for every page of a search: a digest of all that is asked but for the page. */
      readonly basis: string;
    })
  | {
      readonly kind: 'skip';
      readonly reason: SkipReason;
      readonly firstStage?: UsedFirstStage | undefined;
      readonly body: Buffer;
    };

/** What a search of several has no part of: the parameters of its request are for all, and mean other things. */
const noTarget: Target = { path: '', parameters: [] };

/** @throws MiceError `bad-option` when `ext.mice` holds what is not accepted */
export function planSubSearch(search: SubSearch, settings: Settings): SubPlan {
  const parsed = parseBody(search.body);
  if (parsed === undefined) return { kind: 'skip', reason: 'unreadable-body', body: search.body };
  const { body, ours } = withoutOurs(search.body, parsed);
  const controls: Controls = { ...controlsOfBody(ours), ...search.controls };
  const { index, filter } = search;
  const wanted = readSearch(
    { body: parsed, bytes: body, target: noTarget, controls, index, filter },
    settings,
  );
  if ('reason' in wanted) return { kind: 'skip', ...wanted, body };
  const states = wanted.difference.keepStates ? undefined : statesFieldOf(settings);
  const windowBody = widenBody(body, wanted.hits, undefined);
  const widenedBody = widenBody(body, wanted.hits, states);
  if (!windowBody || !widenedBody) return { kind: 'skip', reason: 'unreadable-body', body };
  const basis = basisOf(search.target, wanted, body, search.header);
  return { kind: 'rerank', ...wanted, body, widenedBody, windowBody, basis };
}

/** Doc-value field that holds the states. */
export function statesFieldOf(settings: Settings): string {
  return `${settings.fieldsObject}.states`;
}

interface Search {
  readonly body: Body;
  /** The body's bytes, without what is ours. */
  readonly bytes: Buffer;
  readonly target: Target;
  readonly controls: Controls;
  readonly index: string | undefined;
  readonly filter: FilterDemand | undefined;
}

interface Read extends Search {
  readonly retrievers: readonly Retriever[];
  readonly page: { readonly from: number; readonly size: number } | undefined;
}

interface LeftAlone {
  readonly reason: SkipReason;
  readonly firstStage?: UsedFirstStage | undefined;
}

function readSearch(search: Search, settings: Settings): Wanted | LeftAlone {
  const { body, target, controls, index, filter } = search;
  const rule = ruleFor(settings.rerankRules, index);
  const mode = controls.mode ?? rule?.mode ?? modeOf(settings);
  const candidates = controls.firstStage ?? rule?.first_stage ?? settings.vectorsFirstStage;
  if (mode === 'off' && candidates === 'as-sent') return { reason: 'off' };
  const page = pageOf(body, target);
  const retrievers = retrieversIn(body['retriever']);
  const reason = skipRules.find(([, holds]) => holds({ ...search, retrievers, page }))?.[0];
  if (reason !== undefined || page === undefined)
    return { reason: mode === 'off' ? 'off' : (reason ?? 'page') };
  const statesField = statesFieldOf(settings);
  if (filter?.kind === 'none') return { reason: 'filter-path' };
  const queryText = controls.query ?? textOf(body, target, rule);
  if (queryText === undefined) return { reason: 'no-query-text' };
  if (controls.mode === undefined && !isInShare(controls.bucket ?? queryText, settings.rerankShare))
    return { reason: 'share' };
  const most = mostHits(body, retrievers);
  const window = Math.min(controls.window ?? rule?.window ?? settings.rerankWindow, most);
  const firstStage = firstStageOf(candidates, search, { mode, rule, question: queryText, hits: window });
  const { from, size } = page;
  const unscored = mode === 'off' ? 'off' : from >= window ? 'beyond-window' : undefined;
  // Another first stage has an order of its own, before and behind the window.
  if (unscored && !isNear(firstStage)) return { reason: unscored, firstStage };
  return {
    queryText,
    from,
    size,
    window,
    index,
    hits: Math.min(Math.max(window, from + size), Math.max(most, size)),
    deadlineMs: deadlineOf({
      deadlineMs: controls.deadlineMs ?? rule?.deadline ?? settings.rerankDeadlineMs,
      timeout: parameterIn(target, 'timeout') ?? body['timeout'],
    }),
    explain: controls.explain ?? false,
    shadow: mode === 'shadow',
    textFields: controls.fields ?? rule?.fields ?? settings.textFields,
    sourceIsWhole: sourceIsWhole(body, target) && (filter?.sourceIsWhole ?? true),
    isFiltered: filter !== undefined,
    difference: {
      keepStates: asksForStates(body, target, statesField),
      hidden: filter?.hidden ?? [],
    },
    unscored,
    firstStage,
  };
}

interface FirstStageTerms {
  readonly mode: 'on' | 'off' | 'shadow';
  readonly rule: IndexRule | undefined;
  readonly question: string;
  /** Neighbours to ask for. */
  readonly hits: number;
}

function firstStageOf(
  kind: FirstStageKind,
  { bytes, target }: Search,
  { mode, rule, question, hits }: FirstStageTerms,
): NearSearch | UsedFirstStage | undefined {
  if (kind === 'as-sent') return undefined;
  if (mode === 'shadow') return { kind: 'as-sent', reason: 'shadow' };
  const near = nearSearchOf({ kind, body: bytes, target, hits, question, asks: asksBy(rule) });
  return typeof near === 'string' ? { kind: 'as-sent', reason: near } : near;
}

/** Whether a search by vector is to be made. */
export function isNear(firstStage: Wanted['firstStage']): firstStage is NearSearch {
  return firstStage !== undefined && 'filters' in firstStage;
}

function modeOf(settings: Settings): 'on' | 'off' | 'shadow' {
  if (!settings.rerankEnabled) return 'off';
  return settings.rerankShadow ? 'shadow' : 'on';
}

/** Ordered: the first that holds is the reason given. */
const skipRules: readonly (readonly [SkipReason, (search: Read) => boolean])[] = [
  ['media-type', ({ target }) => (parameterIn(target, 'format') ?? 'json') !== 'json'],
  ['scroll', (search) => has(search, 'scroll')],
  ['search-after', (search) => says(search, 'search_after')],
  ['point-in-time', (search) => says(search, 'pit')],
  ['sort', ({ body, target, retrievers }) => sortsOtherwise(body, target, retrievers)],
  ['collapse', (search) => says(search, 'collapse')],
  ['profile', ({ body }) => 'profile' in body && body['profile'] !== false],
  [
    'rescore',
    (search) => says(search, 'rescore') || search.retrievers.some(({ kind }) => kind === 'rescorer'),
  ],
  ['stored-fields', ({ body, target }) => namesNone(body, target)],
  ['page', ({ page }) => page === undefined],
  ['size-0', ({ page }) => page?.size === 0],
];

function has({ target }: Search, name: string): boolean {
  return parameterIn(target, name) !== undefined;
}

/** Whether the body, or a retriever in it, has a member `key`. */
function says({ body, retrievers }: Read, key: string): boolean {
  return key in body || retrievers.some(({ members }) => key in members);
}

/** By `_score` alone is the order that there is without a sort: hits get no sort values then, and can move. */
function sortsOtherwise(body: Body, target: Target, retrievers: readonly Retriever[]): boolean {
  const inUrl = parameterIn(target, 'sort');
  if (inUrl !== undefined) return !/^_score(?::desc)?$/.test(inUrl);
  if (retrievers.some(({ members }) => 'sort' in members)) return true;
  return 'sort' in body && !isByScore(body['sort']);
}

function isByScore(sort: unknown): boolean {
  if (Array.isArray(sort)) return sort.length === 0 || (sort.length === 1 && isByScore(sort[0]));
  if (typeof sort === 'string') return sort === '_score' || sort === '_score:desc';
  if (typeof sort !== 'object' || sort === null) return false;
  const [[field, order] = [], ...others] = Object.entries(sort);
  if (field !== '_score' || others.length > 0) return false;
  return order === 'desc' || (order as { order?: unknown } | null)?.order === 'desc';
}

/** `_none_` takes ids away from hits. */
function namesNone(body: Body, target: Target): boolean {
  const asked = parameterIn(target, 'stored_fields')?.split(',') ?? [body['stored_fields']].flat();
  return asked.includes('_none_');
}

/** `q` takes the place of the body's query, as in the engines' RestSearchAction. */
function textOf(body: Body, target: Target, rule: IndexRule | undefined): string | undefined {
  const q = parameterIn(target, 'q');
  const asked = q === undefined ? body : { ...body, query: { query_string: { query: q } } };
  return queryTextOf(asked, asksBy(rule));
}

/** Whether clauses on a field are part of the question; a field that is itself a pattern may be any, and counts. */
function asksBy(rule: IndexRule | undefined): (field: string) => boolean {
  const { question } = rule ?? {};
  return (field) =>
    question === undefined || field.includes('*') || question.some((pattern) => fitsPattern(pattern, field));
}

/** URL parameters override the body, as in RestSearchAction; undefined where the engines would refuse a number. */
function pageOf(body: Body, target: Target): { from: number; size: number } | undefined {
  const from = wholeNumber(parameterIn(target, 'from') ?? body['from'] ?? 0);
  const size = wholeNumber(parameterIn(target, 'size') ?? body['size'] ?? 10);
  return from === undefined || size === undefined ? undefined : { from, size };
}

function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

/** Most hits that ranking by the engine itself gives; it refuses to be asked for more. */
function mostHits(body: Body, retrievers: readonly Retriever[]): number {
  const rank = (body['rank'] as { rrf?: { rank_window_size?: unknown } } | undefined)?.rrf;
  const sizes = [rank?.rank_window_size, ...retrievers.map(({ members }) => members['rank_window_size'])];
  return Math.min(...sizes.map((size) => wholeNumber(size ?? undefined) ?? Number.MAX_SAFE_INTEGER));
}

function sourceIsWhole(body: Body, target: Target): boolean {
  const filters = ['_source_includes', '_source_excludes', '_source_include', '_source_exclude'];
  if (filters.some((name) => parameterIn(target, name) !== undefined)) return false;
  const stored = 'stored_fields' in body || parameterIn(target, 'stored_fields') !== undefined;
  const source = parameterIn(target, '_source') ?? body['_source'] ?? !stored;
  return source === true || source === 'true';
}

/** Whether the caller wants to see the states: then they stay in the hits. */
function asksForStates(body: Body, target: Target, statesField: string): boolean {
  const inUrl = parameterIn(target, 'docvalue_fields')?.split(',') ?? [];
  const inBody = Array.isArray(body['docvalue_fields']) ? body['docvalue_fields'] : [];
  return [...inUrl, ...inBody]
    .map((asked: unknown) =>
      typeof asked === 'string' ? asked : (asked as { field?: unknown } | null)?.field,
    )
    .some((pattern) => typeof pattern === 'string' && fitsPattern(pattern, statesField));
}

/** Doc-value fields of the URL come on top of the body's. */
function withStates(target: Target, statesField: string): string {
  const asked = parameterIn(target, 'docvalue_fields');
  return asked ? `${asked},${statesField}` : statesField;
}

/** Parameters that say which shards and copies are asked, and what becomes of indices that are not there. */
const placeParameters: readonly string[] = [
  'allow_no_indices',
  'expand_wildcards',
  'ignore_throttled',
  'ignore_unavailable',
  'preference',
  'routing',
];

/** A plain search of the same indices, whatever the form of the caller's. */
function statesTarget({ parameters }: Target, index: string | undefined): Target {
  return {
    path: index === undefined ? '/_search' : `/${encodeURIComponent(index)}/_search`,
    parameters: parameters.filter(({ name }) => placeParameters.includes(name)),
  };
}

/** @param header the line before the body, where there is one */
function basisOf(target: Target, wanted: Wanted, body: Buffer, header: Buffer = Buffer.of()): string {
  const { queryText, window, textFields, firstStage } = wanted;
  return createHash('sha256')
    .update(printTarget(withoutParameters(target, ['from', 'size'])))
    .update('\n')
    .update(header)
    .update('\n')
    .update(withoutPage(body))
    .update(JSON.stringify([queryText, window, textFields, firstStage?.kind]))
    .digest('hex');
}

function withoutPage(body: Buffer): Buffer {
  const start = skipSpace(body, 0);
  if (start === body.length) return body;
  const members = membersOf(body, start);
  return without(
    body,
    cutsOf(
      members,
      members.filter(({ key }) => key === 'from' || key === 'size'),
    ),
  );
}

function parseBody(bytes: Buffer): Body | undefined {
  if (skipSpace(bytes, 0) === bytes.length) return {};
  try {
    const parsed: unknown = JSON.parse(bytes.toString());
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Body)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Cuts `ext.mice` out of the body by bytes, and `ext` when nothing else is in it. */
export function withoutOurs(bytes: Buffer, parsed: Body): { body: Buffer; ours: unknown } {
  const ext = parsed['ext'];
  if (typeof ext !== 'object' || ext === null || !('mice' in ext)) return { body: bytes, ours: undefined };
  const top = membersOf(bytes, skipSpace(bytes, 0));
  const extMember = top.findLast(({ key }) => key === 'ext') as Member;
  const inner = membersOf(bytes, extMember.value.start);
  const mice = inner.filter(({ key }) => key === 'mice');
  const cuts = inner.length === mice.length ? cutsOf(top, [extMember]) : cutsOf(inner, mice);
  return { body: without(bytes, cuts), ours: ext.mice };
}
