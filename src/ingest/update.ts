/** The body of an update: a partial document, what stands in when there is none yet, a script. */
import { edited, withMember } from '../json/edits.ts';
import { membersOf, type Span, skipSpace } from '../json/spans.ts';

export interface UpdateBody {
  readonly bytes: Buffer;
  /** The partial document. */
  readonly doc: Span | undefined;
  /** The document to be made when there is none. */
  readonly upsert: Span | undefined;
  /** Whether `doc` is that document, whatever `upsert` says. */
  readonly docAsUpsert: boolean;
  readonly scripted: boolean;
  /** Whether the script runs on `upsert` too. */
  readonly scriptedUpsert: boolean;
  /** Whether a change that changes nothing is left out by the cluster. */
  readonly detectNoop: boolean;
}

/** Undefined when the bytes are no JSON object. */
export function readUpdate(bytes: Buffer): UpdateBody | undefined {
  try {
    const start = skipSpace(bytes, 0);
    const members = membersOf(bytes, start);
    const value = (name: string) => members.findLast(({ key }) => key === name)?.value;
    const says = (name: string, word: string) => {
      const span = value(name);
      return (
        span !== undefined && bytes.toString('latin1', span.start, span.end).replaceAll('"', '') === word
      );
    };
    const object = (name: string) => {
      const span = value(name);
      return span && bytes[span.start] === 0x7b ? span : undefined;
    };
    return {
      bytes,
      doc: object('doc'),
      upsert: object('upsert'),
      docAsUpsert: says('doc_as_upsert', 'true'),
      scripted: value('script') !== undefined,
      scriptedUpsert: says('scripted_upsert', 'true'),
      detectNoop: !says('detect_noop', 'false'),
    };
  } catch {
    return undefined;
  }
}

/**
 * The JSON object `holder`, asking for the source of an updated document without `fields`: engines give back what
 * they were sent, vector and states included.
 * @param asked the filter that holds where `holder` has none; undefined for none
 */
export function withoutFieldsInAnswer(holder: Buffer, fields: readonly string[], asked?: unknown): Buffer {
  try {
    const member = membersOf(holder, skipSpace(holder, 0)).find(({ key }) => key === '_source');
    const text = member && holder.toString('utf8', member.value.start, member.value.end);
    const filter = withExcludes(text === undefined ? asked : JSON.parse(text), fields);
    if (filter === undefined) return holder;
    const bytes = JSON.stringify(filter);
    return member ? edited(holder, [{ span: member.value, bytes }]) : withMember(holder, '_source', bytes);
  } catch {
    return holder;
  }
}

/**
 * Whether an update by script asks for its source. It goes as it came, its `upsert` without our fields: OpenSearch 3.6
 * fails all items of a shard where fields are to be left out of the source of a document that a script has deleted.
 * @param asked as {@link sourceAsked} gives it, or what stands beside the id
 */
export function goesAsItCame(body: Buffer, asked: unknown): boolean {
  return (asked !== undefined || body.includes('"_source"')) && readUpdate(body)?.scripted === true;
}

/** The `_source` filter that a URL's parameters ask for; undefined where they ask for none. */
export function sourceAsked(parameters: URLSearchParams): unknown {
  const list = (name: string) => parameters.get(name)?.split(',');
  const [source, includes, excludes] = [list('_source'), list('_source_includes'), list('_source_excludes')];
  if (source === undefined && includes === undefined) return undefined;
  const [word] = source ?? [];
  if (word === 'false') return false;
  const named = word === undefined || word === 'true' || word === '' ? includes : source;
  return { ...(named && { includes: named }), ...(excludes && { excludes }) };
}

/** A `_source` filter with `fields` left out; undefined where it gives no source, or is not one. */
export function withExcludes(filter: unknown, fields: readonly string[]): unknown {
  if (filter === true || filter === 'true') return { excludes: fields };
  if (filter === false || filter === 'false') return undefined;
  if (typeof filter === 'string') return { includes: [filter], excludes: fields };
  if (Array.isArray(filter)) return { includes: filter, excludes: fields };
  if (typeof filter !== 'object' || filter === null) return undefined;
  const given = filter as Readonly<Record<string, unknown>>;
  const key = 'exclude' in given ? 'exclude' : 'excludes';
  const excluded = given[key] ?? [];
  return { ...given, [key]: [...(Array.isArray(excluded) ? excluded : [excluded]), ...fields] };
}
