/**
 * JSON as bytes: where values and members stand, without parsing them, so that numbers of any length,
 * duplicate keys and white space survive what is moved or cut (RFC 8259). Time is linear in the bytes passed.
 */

/** Half-open range of byte offsets. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member {
  /** The key as text, escapes resolved. */
  readonly key: string;
  /** From the key's opening quote to the end of the value. */
  readonly span: Span;
  readonly value: Span;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Thrown where the bytes are not JSON; `at` is the offset. */
export class NotJson extends Error {
  readonly at: number;

  constructor(at: number) {
    super(`not JSON at byte ${at}`);
    this.name = 'NotJson';
    this.at = at;
  }
}

/** First offset at or after `at` that is not white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  let i = at;
  for (let byte = bytes[i]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[i])
    i++;
  return i;
}

/** Where containers end, by where they start: who knows it passes over them at once. */
export type Ends = ReadonlyMap<number, number>;

/** Of the container that starts at `start` and of those within it, `depth` levels of them: found in one pass. */
export function endsWithin(bytes: Buffer, start: number, depth: number): Ends {
  const ends = new Map<number, number>();
  endOfContainer(bytes, start, (from, to, level) => {
    if (level <= depth) ends.set(from, to);
  });
  return ends;
}

/** End of the value that starts at `start`; containers are passed over by depth, not parsed. */
export function endOfValue(bytes: Buffer, start: number, ends?: Ends): number {
  const first = bytes[start];
  if (first === QUOTE) return endOfString(bytes, start);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return ends?.get(start) ?? endOfContainer(bytes, start);
  return endOfLiteral(bytes, start);
}

/** The values of the array that starts at `start`. */
export function elementsOf(bytes: Buffer, start: number, ends?: Ends): readonly Span[] {
  if (bytes[start] !== OPEN_ARRAY) throw new NotJson(start);
  const elements: Span[] = [];
  let i = skipSpace(bytes, start + 1);
  if (bytes[i] === CLOSE_ARRAY) return elements;
  while (true) {
    const end = endOfValue(bytes, i, ends);
    elements.push({ start: i, end });
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_ARRAY) return elements;
    if (bytes[i] !== COMMA) throw new NotJson(i);
    i = skipSpace(bytes, i + 1);
  }
}

/** The members of the object that starts at `start`, in order, duplicates included. */
export function membersOf(bytes: Buffer, start: number, ends?: Ends): readonly Member[] {
  if (bytes[start] !== OPEN_OBJECT) throw new NotJson(start);
  const members: Member[] = [];
  let i = skipSpace(bytes, start + 1);
  if (bytes[i] === CLOSE_OBJECT) return members;
  while (true) {
    const keyEnd = endOfString(bytes, i);
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) throw new NotJson(colon);
    const value = skipSpace(bytes, colon + 1);
    const end = endOfValue(bytes, value, ends);
    members.push({ key: keyText(bytes, i, keyEnd), span: { start: i, end }, value: { start: value, end } });
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_OBJECT) return members;
    if (bytes[i] !== COMMA) throw new NotJson(i);
    i = skipSpace(bytes, i + 1);
  }
}

/** What to cut so that `leaving` are gone from `members` and the rest is still JSON, white space between the others kept. */
export function cutsOf(members: readonly Member[], leaving: readonly Member[]): readonly Span[] {
  const gone = new Set(leaving);
  const [first] = members;
  const last = members.at(-1);
  if (gone.size === 0 || first === undefined || last === undefined) return [];
  const firstKept = members.findIndex((member) => !gone.has(member));
  if (firstKept === -1) return [{ start: first.span.start, end: last.span.end }];
  const leading = { start: first.span.start, end: (members[firstKept] as Member).span.start };
  const later = members.flatMap((member, at) =>
    at > firstKept && gone.has(member)
      ? [{ start: (members[at - 1] as Member).span.end, end: member.span.end }]
      : [],
  );
  return firstKept === 0 ? later : [leading, ...later];
}

/** `bytes` without `cuts`, which are in order and do not overlap. */
export function without(bytes: Buffer, cuts: readonly Span[]): Buffer {
  if (cuts.length === 0) return bytes;
  const kept: Buffer[] = [];
  let at = 0;
  for (const cut of cuts) {
    kept.push(bytes.subarray(at, cut.start));
    at = cut.end;
  }
  kept.push(bytes.subarray(at));
  return Buffer.concat(kept);
}

/** The text of the string value at `span`, escapes resolved; undefined when it is no string. */
export function stringAt(bytes: Buffer, span: Span): string | undefined {
  return bytes[span.start] === QUOTE ? keyText(bytes, span.start, span.end) : undefined;
}

function keyText(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start + 1, end - 1);
  return raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw;
}

/** Bytes of a string that are looked at one by one: most are shorter, and a search costs more to begin than that. */
const SHORT = 24;

function endOfString(bytes: Buffer, start: number): number {
  if (bytes[start] !== QUOTE) throw new NotJson(start);
  let at = start + 1;
  for (const near = at + SHORT; at < near && bytes[at] !== BACKSLASH; at++)
    if (bytes[at] === QUOTE) return at + 1;
  for (let quote = bytes.indexOf(QUOTE, at); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let slashes = 0;
    while (bytes[quote - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  throw new NotJson(start);
}

/** `onEnd` is told of every container within, and of this one, which has level 1. */
function endOfContainer(
  bytes: Buffer,
  start: number,
  onEnd?: (start: number, end: number, level: number) => void,
): number {
  const open: number[] = [];
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i) - 1;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) open.push(i);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      const level = open.length;
      const opened = open.pop() as number;
      onEnd?.(opened, i + 1, level);
      if (open.length === 0) return i + 1;
    }
  }
  throw new NotJson(start);
}

function endOfLiteral(bytes: Buffer, start: number): number {
  let i = start;
  while (i < bytes.length && !endsLiteral(bytes[i] as number)) i++;
  if (i === start) throw new NotJson(start);
  return i;
}

/** Comma, closing bracket, white space, or the start of something else. */
function endsLiteral(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || byte <= 0x20 || byte === QUOTE;
}
