/** Where every value of a JSON text stands, in one pass: for changes at any depth. Linear in the bytes. */
import { endOfValue, NotJson, type Span, skipSpace, stringAt } from './spans.ts';

export interface Node {
  readonly span: Span;
  /** Of an object, in order, duplicates included. */
  readonly members?: readonly NamedNode[];
  /** Of an array. */
  readonly elements?: readonly Node[];
}

export interface NamedNode {
  /** The key as text, escapes resolved. */
  readonly key: string;
  /** From the key's opening quote to the end of the value. */
  readonly span: Span;
  readonly value: Node;
}

/** Both engines refuse deeper nesting than this. */
const MAX_DEPTH = 1000;

/**
 * The tree of the value that starts at or after `at`.
 * @throws NotJson, also where the nesting is deeper than any engine reads
 */
export function treeOf(bytes: Buffer, at = 0, depth = 0): Node {
  const start = skipSpace(bytes, at);
  if (depth > MAX_DEPTH) throw new NotJson(start);
  const opening = String.fromCharCode(bytes[start] ?? 0);
  if (opening === '{') return objectAt(bytes, start, depth);
  if (opening === '[') return arrayAt(bytes, start, depth);
  return { span: { start, end: endOfValue(bytes, start) } };
}

/** The same; undefined where the bytes are no such JSON. */
export function treeOrNone(bytes: Buffer): Node | undefined {
  try {
    return treeOf(bytes);
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

function objectAt(bytes: Buffer, start: number, depth: number): Node {
  const members: NamedNode[] = [];
  const end = eachItem(bytes, start, '}', (at) => {
    const keyEnd = endOfValue(bytes, at);
    const key = stringAt(bytes, { start: at, end: keyEnd });
    const colon = skipSpace(bytes, keyEnd);
    if (key === undefined || bytes[colon] !== 0x3a) throw new NotJson(at);
    const value = treeOf(bytes, colon + 1, depth + 1);
    members.push({ key, span: { start: at, end: value.span.end }, value });
    return value.span.end;
  });
  return { span: { start, end }, members };
}

function arrayAt(bytes: Buffer, start: number, depth: number): Node {
  const elements: Node[] = [];
  const end = eachItem(bytes, start, ']', (at) => {
    const element = treeOf(bytes, at, depth + 1);
    elements.push(element);
    return element.span.end;
  });
  return { span: { start, end }, elements };
}

/** Calls `item` at the start of each item, which gives its end; the end of the container. */
function eachItem(bytes: Buffer, start: number, closing: string, item: (at: number) => number): number {
  const close = closing.charCodeAt(0);
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === close) return at + 1;
  while (true) {
    at = skipSpace(bytes, item(at));
    if (bytes[at] === close) return at + 1;
    if (bytes[at] !== 0x2c) throw new NotJson(at);
    at = skipSpace(bytes, at + 1);
  }
}
