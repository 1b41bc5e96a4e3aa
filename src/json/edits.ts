/** Changes to JSON as bytes: what is not named stays as it was written. */
import { cutsOf, membersOf, type Span, skipSpace, without } from './spans.ts';

/** Bytes to stand where `span` was. An empty span inserts. */
export interface Edit {
  readonly span: Span;
  readonly bytes: Buffer | string;
}

/** `bytes` with `edits`, which are in order and do not overlap. */
export function edited(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return bytes;
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { span, bytes: put } of edits) {
    pieces.push(bytes.subarray(at, span.start), typeof put === 'string' ? Buffer.from(put) : put);
    at = span.end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}

/**
 * The JSON object `object` with `value` as its member `key`, or without that member when `value` is undefined.
 * Every occurrence of the key goes: parsers differ in which of several they take.
 * @throws NotJson
 */
export function withMember(object: Buffer, key: string, value: string | undefined): Buffer {
  const bare = withoutMember(object, key);
  if (value === undefined) return bare;
  const empty = membersOf(bare, skipSpace(bare, 0)).length === 0;
  const close = bare.lastIndexOf('}');
  const member = `${empty ? '' : ','}${JSON.stringify(key)}:${value}`;
  return edited(bare, [{ span: { start: close, end: close }, bytes: member }]);
}

function withoutMember(object: Buffer, key: string): Buffer {
  const members = membersOf(object, skipSpace(object, 0));
  const found = members.filter((member) => member.key === key);
  return without(object, cutsOf(members, found));
}
