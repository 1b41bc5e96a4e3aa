/** What the cluster accepted of writes whose states lie beside, read from its own answers. */

import type { DocumentKey } from './current.ts';
import { readHead, readItem } from './refusals.ts';

/** A document that was written, changed or deleted just now. */
export interface Accepted extends DocumentKey {
  /** Of the write. */
  readonly seqNo: number;
  readonly deleted: boolean;
  /** Of the item in its request. */
  readonly position: number;
}

/** Documents of an answer that are handed on at a time. */
const GROUP = 64;

/**
 * The accepted items of an answer to a bulk request, in groups, as it comes. An answer of another shape has none.
 * @param routings by position in the request, those whose states lie beside
 */
export async function* acceptedItems(
  answer: AsyncIterable<Buffer>,
  routings: ReadonlyMap<number, string | undefined>,
): AsyncGenerator<readonly Accepted[]> {
  let held = Buffer.alloc(0);
  let inItems = false;
  let position = 0;
  let group: Accepted[] = [];
  for await (const chunk of answer) {
    held = Buffer.concat([held, chunk]);
    if (!inItems) {
      const head = readHead(held);
      if (!head) continue;
      inItems = true;
      held = held.subarray(head.end);
    }
    for (let next = readItem(held); next; next = readItem(held)) {
      if (next.kind === 'end') {
        if (group.length > 0) yield group;
        return;
      }
      const bytes = held.subarray(next.start, next.end);
      const at = position++;
      held = held.subarray(next.end);
      if (!routings.has(at)) continue;
      const accepted = acceptedWrite(Object.values(JSON.parse(bytes.toString()))[0], routings.get(at), at);
      if (accepted) group.push(accepted);
      if (group.length === GROUP) {
        yield group;
        group = [];
      }
    }
  }
  if (group.length > 0) yield group;
}

/** Undefined where nothing changed, or the answer does not say what. */
export function acceptedWrite(
  item: unknown,
  routing: string | undefined,
  position: number,
): Accepted | undefined {
  const { _index, _id, _seq_no, result, error } = (item ?? {}) as Readonly<Record<string, unknown>>;
  if (error || typeof _index !== 'string' || typeof _id !== 'string' || typeof _seq_no !== 'number')
    return undefined;
  if (result !== 'created' && result !== 'updated' && result !== 'deleted') return undefined;
  return { index: _index, id: _id, routing, seqNo: _seq_no, deleted: result === 'deleted', position };
}
