/** The body of an update: a partial document, what stands in when there is none yet, a script. */
import { type Edit, edited } from '../json/edits.ts';
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
 */
export function withoutFieldsInAnswer(holder: Buffer, fields: readonly string[]): Buffer {
  try {
    const member = membersOf(holder, skipSpace(holder, 0)).find(({ key }) => key === '_source');
    if (!member) return holder;
    const text = holder.toString('utf8', member.value.start, member.value.end);
    const filter = withExcludes(JSON.parse(text), fields);
    if (filter === undefined) return holder;
    const edit: Edit = { span: member.value, bytes: JSON.stringify(filter) };
    return edited(holder, [edit]);
  } catch {
    return holder;
  }
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
