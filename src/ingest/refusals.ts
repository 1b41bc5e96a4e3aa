/** Items that were refused here, put into the cluster's answer to a bulk request where they belong. */
import { endOfValue, membersOf, skipSpace } from '../json/spans.ts';
import type { RefusedItem } from './bulk.ts';

/** One item of an answer, in the shape of the cluster's own. */
export function refusedItem({ action, fault }: RefusedItem): Buffer {
  const error = { type: `mice_${fault.code.replaceAll('-', '_')}`, reason: fault.message };
  const { index, id = null } = action;
  return Buffer.from(
    JSON.stringify({ [action.action]: { _index: index, _id: id, status: fault.status, error } }),
  );
}

/** The answer when no item was sent at all. */
export function answerOfRefusals(items: readonly Buffer[]): Buffer {
  return Buffer.from(`{"took":0,"errors":true,"items":[${items.join(',')}]}`);
}

/**
 * The answer with `refused` in their places, by position in the request, and `errors` true. Streamed: only the item
 * at hand is held. An answer of another shape passes as it came.
 */
export async function* withRefusals(
  answer: AsyncIterable<Buffer>,
  refused: ReadonlyMap<number, Buffer>,
): AsyncGenerator<Buffer> {
  const chunks = answer[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  const more = async () => {
    const next = await chunks.next();
    if (!next.done) held = Buffer.concat([held, next.value]);
    return next.done !== true;
  };
  let head = readHead(held);
  while (!head && (await more())) head = readHead(held);
  if (!head) return yield held;
  yield head.bytes;
  held = held.subarray(head.end);
  let position = 0;
  let first = true;
  const separated = (item: Buffer) => {
    const pieces = first ? [item] : [Buffer.from(','), item];
    first = false;
    return Buffer.concat(pieces);
  };
  const due = function* () {
    for (let item = refused.get(position); item; item = refused.get(position)) {
      position++;
      yield separated(item);
    }
  };
  while (true) {
    const next = readItem(held);
    if (next === undefined) {
      if (await more()) continue;
      return yield held;
    }
    yield* due();
    if (next.kind === 'end') {
      yield* later(refused, position, separated);
      yield held;
      break;
    }
    yield separated(held.subarray(next.start, next.end));
    position++;
    held = held.subarray(next.end);
  }
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

/** Whatever is left; positions are in order. */
function* later(
  refused: ReadonlyMap<number, Buffer>,
  position: number,
  separated: (item: Buffer) => Buffer,
): Generator<Buffer> {
  for (const [at, item] of refused) if (at >= position) yield separated(item);
}

/** Up to and with the bracket that opens `items`, `errors` set; undefined while that has not come. */
export function readHead(held: Buffer): { readonly bytes: Buffer; readonly end: number } | undefined {
  const pattern = /"items"\s*:\s*\[/.exec(held.toString('latin1'));
  if (!pattern) return undefined;
  const end = pattern.index + pattern[0].length;
  const closed = Buffer.concat([held.subarray(0, end), Buffer.from(']}')]);
  try {
    const start = skipSpace(closed, 0);
    const errors = membersOf(closed, start).find(({ key }) => key === 'errors');
    if (!errors) return { bytes: held.subarray(0, end), end };
    const { value } = errors;
    return {
      bytes: Buffer.concat([
        held.subarray(0, value.start),
        Buffer.from('true'),
        held.subarray(value.end, end),
      ]),
      end,
    };
  } catch {
    return undefined;
  }
}

export type NextItem =
  | { readonly kind: 'item'; readonly start: number; readonly end: number }
  | { readonly kind: 'end' };

/** What comes next inside the array; undefined while it has not come whole. */
export function readItem(held: Buffer): NextItem | undefined {
  let start = skipSpace(held, 0);
  if (held[start] === 0x2c) start = skipSpace(held, start + 1);
  if (held[start] === 0x5d) return { kind: 'end' };
  if (held[start] !== 0x7b) return undefined;
  try {
    return { kind: 'item', start, end: endOfValue(held, start) };
  } catch {
    return undefined;
  }
}

/** Whether an answer that is asked for so can take in items: it is JSON, and whole. */
export function takesRefusals(target: string, accept: string | undefined): boolean {
  const query = new URLSearchParams(target.split('?')[1] ?? '');
  const asked = accept ?? '*/*';
  return !query.has('filter_path') && !query.has('format') && /json|\*\/\*/.test(asked);
}
