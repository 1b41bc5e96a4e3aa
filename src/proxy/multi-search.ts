/** `_msearch` as lines: which searches a request holds, and where their answers stand. Pure. */
import { cutsOf, elementsOf, membersOf, type Span, skipSpace, without } from '../json/spans.ts';

export interface SubRequest {
  /** The line before the search, as it came. */
  readonly header: Buffer;
  /** The search's own line, as it came. */
  readonly body: Buffer;
  /** The index expression of the header; undefined where it names none. */
  readonly index: string | undefined;
}

const NEWLINE = 0x0a;

/** The searches of a request; undefined where it is not of the form that the engines read. */
export function readMultiSearch(bytes: Buffer): readonly SubRequest[] | undefined {
  if (bytes.at(-1) !== NEWLINE) return undefined;
  const lines = linesOf(bytes);
  const searches: SubRequest[] = [];
  for (let at = 0; at < lines.length; at += 2) {
    const [header, body] = [lines[at] as Buffer, lines[at + 1]];
    const named = headerOf(header);
    if (body === undefined || named === undefined) return undefined;
    searches.push({ header, body, index: named.index });
  }
  return searches.length === 0 ? undefined : searches;
}

export interface SubLines {
  readonly header: Buffer;
  readonly body: Buffer;
}

export function writeMultiSearch(searches: readonly SubLines[]): Buffer {
  const newline = Buffer.from([NEWLINE]);
  return Buffer.concat(searches.flatMap(({ header, body }) => [header, newline, body, newline]));
}

export interface Responses {
  readonly each: readonly Span[];
  /** What to cut where none is left: engines leave empty lists out of filtered answers. */
  readonly emptied: Span;
}

/** Where the answers of `count` searches stand; undefined where there are not as many. */
export function responsesIn(answer: Buffer, count: number): Responses | undefined {
  try {
    const members = membersOf(answer, skipSpace(answer, 0));
    const list = members.findLast(({ key }) => key === 'responses');
    if (list === undefined) return undefined;
    const each = elementsOf(answer, list.value.start);
    return each.length === count ? { each, emptied: cutsOf(members, [list])[0] as Span } : undefined;
  } catch {
    return undefined;
  }
}

/** The answer with other bytes for each response; those that are undefined are left out. */
export function withResponses(
  answer: Buffer,
  { each, emptied }: Responses,
  bodies: readonly (Buffer | undefined)[],
): Buffer {
  const kept = bodies.filter((body) => body !== undefined);
  if (kept.length === each.length)
    return replaced(
      answer,
      kept.map((by, at) => ({ span: each[at] as Span, by })),
    );
  const [first, second] = each;
  const last = each.at(-1);
  if (kept.length === 0 || first === undefined || last === undefined) return without(answer, [emptied]);
  const separator = second ? answer.subarray(first.end, second.start) : Buffer.of();
  const list = kept.flatMap((body, at) => (at === 0 ? [body] : [separator, body]));
  return Buffer.concat([answer.subarray(0, first.start), ...list, answer.subarray(last.end)]);
}

/** A response without `status`; undefined where nothing else is in it. */
export function withoutStatus(response: Buffer): Buffer | undefined {
  const members = membersOf(response, 0);
  const gone = members.filter(({ key }) => key === 'status');
  return gone.length === members.length ? undefined : without(response, cutsOf(members, gone));
}

/** `bytes` with other bytes at some places, which are in order and do not overlap. */
export function replaced(
  bytes: Buffer,
  places: readonly { readonly span: Span; readonly by: Buffer }[],
): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { span, by } of places) {
    pieces.push(bytes.subarray(at, span.start), by);
    at = span.end;
  }
  return Buffer.concat([...pieces, bytes.subarray(at)]);
}

/** Lines without their ends; an empty first line is none, as in the engines' MultiSearchRequest. */
function linesOf(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let at = bytes[0] === NEWLINE ? 1 : 0;
  for (let end = bytes.indexOf(NEWLINE, at); end !== -1; end = bytes.indexOf(NEWLINE, at)) {
    lines.push(bytes.subarray(at, end));
    at = end + 1;
  }
  return lines;
}

/** An empty header is one too. */
function headerOf(line: Buffer): { readonly index: string | undefined } | undefined {
  if (skipSpace(line, 0) === line.length) return { index: undefined };
  try {
    const header: unknown = JSON.parse(line.toString());
    if (typeof header !== 'object' || header === null || Array.isArray(header)) return undefined;
    const { index, indices } = header as { index?: unknown; indices?: unknown };
    const named = [index ?? indices ?? []].flat();
    return named.every((name) => typeof name === 'string')
      ? { index: named.length === 0 ? undefined : named.join(',') }
      : undefined;
  } catch {
    return undefined;
  }
}
