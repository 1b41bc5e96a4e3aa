/** What to do with a search: leave it to the cluster, or ask for a window and re-rank it. Pure. */

import type { Settings } from '../config/options.ts';
import { cutOf, type Member, membersOf, skipSpace, without } from '../json/spans.ts';
import { type Controls, controlsOfBody } from './controls.ts';
import { queryTextOf } from './query-text.ts';
import type { SkipReason } from './verdicts.ts';

export interface RerankPlan {
  readonly kind: 'rerank';
  readonly queryText: string;
  /** The page that the caller asked for. */
  readonly from: number;
  readonly size: number;
  /** Hits to re-rank. */
  readonly window: number;
  readonly deadlineMs: number;
  readonly explain: boolean;
  readonly textFields: readonly string[];
  /** Whether `_source` comes whole, so that a document's text can be read from its hit. */
  readonly sourceIsWhole: boolean;
  /** Path and query string that ask for the window and the states; the body goes as it came. */
  readonly widenedPath: string;
  readonly body: Buffer;
}

export interface SkipPlan {
  readonly kind: 'skip';
  readonly reason: SkipReason;
  /** The body without what was ours. */
  readonly body: Buffer;
}

export interface SearchRequest {
  /** Path with query string, as received. */
  readonly path: string;
  /** Decoded body; empty when there was none. */
  readonly body: Buffer;
  readonly controls: Controls;
}

type Body = Readonly<Record<string, unknown>>;

/** @throws MiceError `bad-option` when `ext.mice` holds what is not accepted */
export function planSearch(request: SearchRequest, settings: Settings): RerankPlan | SkipPlan {
  const parsed = parseBody(request.body);
  if (parsed === undefined) return { kind: 'skip', reason: 'unreadable-body', body: request.body };
  const { body, ours } = withoutOurs(request.body, parsed);
  const controls: Controls = { ...controlsOfBody(ours), ...request.controls };
  const { path, query } = splitTarget(request.path);
  const reason = reasonToSkip(parsed, query, controls, settings);
  if (reason !== undefined) return { kind: 'skip', reason, body };
  const queryText = controls.query ?? textOf(parsed, query);
  if (queryText === undefined) return { kind: 'skip', reason: 'no-query-text', body };
  const { from, size } = pageOf(parsed, query);
  const window = controls.window ?? settings.rerankWindow;
  if (from >= window) return { kind: 'skip', reason: 'beyond-window', body };
  return {
    kind: 'rerank',
    queryText,
    from,
    size,
    window,
    deadlineMs: controls.deadlineMs ?? settings.rerankDeadlineMs,
    explain: controls.explain ?? false,
    textFields: controls.fields ?? settings.textFields,
    sourceIsWhole: sourceIsWhole(parsed, query),
    widenedPath: widen(path, query, Math.max(window, from + size), `${settings.fieldsObject}.states`),
    body,
  };
}

/** Ordered: the first that holds is the reason given. */
const skipRules: readonly (readonly [SkipReason, (body: Body, query: URLSearchParams) => boolean])[] = [
  ['scroll', (_, query) => query.has('scroll')],
  ['search-after', (body) => 'search_after' in body],
  ['sort', (body, query) => 'sort' in body || query.has('sort')],
  ['collapse', (body) => 'collapse' in body],
  ['rescore', (body) => 'rescore' in body],
  ['stored-fields', (body, query) => 'stored_fields' in body || query.has('stored_fields')],
  ['filter-path', (_, query) => query.has('filter_path')],
  ['media-type', (_, query) => query.has('format') && query.get('format') !== 'json'],
  ['size-0', (body, query) => pageOf(body, query).size === 0],
];

function reasonToSkip(
  body: Body,
  query: URLSearchParams,
  controls: Controls,
  settings: Settings,
): SkipReason | undefined {
  if (controls.mode === 'off' || (!settings.rerankEnabled && controls.mode !== 'on')) return 'off';
  return skipRules.find(([, holds]) => holds(body, query))?.[0];
}

/** `q` takes the place of the body's query, as in the engines' RestSearchAction. */
function textOf(body: Body, query: URLSearchParams): string | undefined {
  const q = query.get('q');
  return queryTextOf(q === null ? body : { ...body, query: { query_string: { query: q } } });
}

/** URL parameters override the body, as in the engines' RestSearchAction. */
function pageOf(body: Body, query: URLSearchParams): { from: number; size: number } {
  const number = (name: string, absent: number) => {
    const value = Number(query.get(name) ?? body[name] ?? absent);
    return Number.isInteger(value) && value >= 0 ? value : absent;
  };
  return { from: number('from', 0), size: number('size', 10) };
}

function sourceIsWhole(body: Body, query: URLSearchParams): boolean {
  const inBody = body['_source'] ?? true;
  const names = ['_source', '_source_includes', '_source_excludes', '_source_include', '_source_exclude'];
  return inBody === true && !names.some((name) => query.has(name));
}

function widen(path: string, query: URLSearchParams, size: number, statesField: string): string {
  const widened = new URLSearchParams(query);
  widened.set('from', '0');
  widened.set('size', String(size));
  const asked = widened.get('docvalue_fields');
  widened.set('docvalue_fields', asked ? `${asked},${statesField}` : statesField);
  return `${path}?${widened}`;
}

/** The path stays as it came: parsing it as a URL would resolve dot segments. */
function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
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
function withoutOurs(bytes: Buffer, parsed: Body): { body: Buffer; ours: unknown } {
  const ext = parsed['ext'];
  if (typeof ext !== 'object' || ext === null || !('mice' in ext)) return { body: bytes, ours: undefined };
  const top = membersOf(bytes, skipSpace(bytes, 0));
  const extMember = top.findLast(({ key }) => key === 'ext') as Member;
  const inner = membersOf(bytes, extMember.value.start);
  const mice = inner.findLast(({ key }) => key === 'mice') as Member;
  const cut = inner.length === 1 ? cutOf(top, extMember) : cutOf(inner, mice);
  return { body: without(bytes, [cut]), ours: ext.mice };
}
