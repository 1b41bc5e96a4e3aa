/**
 * A bulk request's NDJSON, enriched as it streams: order kept, memory bounded by one group of items, and every
 * line that is not understood handed on as it came, so that the cluster answers for it.
 */
import type { Readable } from 'node:stream';
import type { MiceError } from '../errors.ts';
import { type BulkAction, readAction } from './bulk-action.ts';
import type { EnrichedWrite, Write } from './enrich.ts';
import { breakOf, type Line, linesOf, withoutBreak } from './ndjson.ts';
import { type RecentWrites, rememberWrites } from './recent.ts';
import type { StoreName } from './stores/store.ts';
import { goesAsItCame, withoutFieldsInAnswer } from './update.ts';

/** Items and bytes that are held at a time. */
const GROUP_ITEMS = 256;
const GROUP_BYTES = 4 << 20;

export interface BulkNeeds {
  /** The index in the request's path, for actions that name none. */
  readonly index: string | undefined;
  /** The routing in the request's query, for actions that name none. */
  readonly routing?: string | undefined;
  /** The same of the ingest pipeline. */
  readonly pipeline?: string | undefined;
  /** Where the states of an index lie: only items of `field` change. */
  readonly storeOf: (index: string) => Promise<StoreName>;
  /** Told of an item whose states lie beside; `position` counts all items of the request. */
  readonly onBeside: (position: number, routing: string | undefined) => void;
  readonly enrich: (writes: readonly Write[], recent: RecentWrites) => Promise<readonly EnrichedWrite[]>;
  /** Fields that no answer shall hold. */
  readonly hidden: readonly string[];
  /** The `_source` filter in the request's query, for updates that have none; undefined for none. */
  readonly sourceAsked?: unknown;
  /** Lines over it pass unread, with all that follows. */
  readonly lineLimitBytes: number;
  /** Told of an item that is left out; `position` counts all items of the request. */
  readonly onRefused: (item: RefusedItem) => void;
}

export interface RefusedItem {
  readonly position: number;
  readonly action: BulkAction;
  readonly fault: MiceError;
}

/** Lines of one item: the action, and the source where the action has one. */
interface Item {
  readonly lines: readonly Buffer[];
  readonly action: BulkAction | undefined;
}

export async function* enrichBulk(body: Readable, needs: BulkNeeds): AsyncGenerator<Buffer> {
  const recent = rememberWrites();
  let position = 0;
  for await (const group of groupsOf(itemsOf(linesOf(body, needs.lineLimitBytes), needs.index))) {
    const bytes = await enrichGroup(group, position, needs, recent);
    position += group.filter(({ action }) => action !== undefined).length;
    if (bytes.length > 0) yield bytes;
  }
}

async function* groupsOf(items: AsyncIterable<Item>): AsyncGenerator<readonly Item[]> {
  let group: Item[] = [];
  let bytes = 0;
  for await (const item of items) {
    group.push(item);
    bytes += item.lines.reduce((sum, line) => sum + line.length, 0);
    if (group.length < GROUP_ITEMS && bytes < GROUP_BYTES) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

async function enrichGroup(
  group: readonly Item[],
  position: number,
  needs: BulkNeeds,
  recent: RecentWrites,
): Promise<Buffer> {
  const places: number[] = [];
  const writes: Write[] = [];
  const positions = positionsOf(group, position);
  for (const [at, { action, lines }] of group.entries()) {
    if (action?.index === undefined) continue;
    const store = await needs.storeOf(action.index);
    if (store === 'companion') needs.onBeside(positions[at]!, action.routing ?? needs.routing);
    if (store !== 'field') continue;
    places.push(at);
    const body = lines[1] ? withoutBreak(lines[1]) : Buffer.alloc(0);
    const { index, routing = needs.routing, pipeline = needs.pipeline } = action;
    writes.push({ ...action, index, routing, pipeline, body });
  }
  const enriched = await needs.enrich(writes, recent);
  const lines: (readonly Buffer[])[] = group.map((item) => item.lines);
  places.forEach((at, place) => {
    const write = enriched[place]!;
    const { action } = group[at]!;
    if (write.kind === 'refused') {
      needs.onRefused({ position: positions[at]!, action: action!, fault: write.fault });
      lines[at] = [];
    } else lines[at] = rewritten(group[at]!, write.body, needs);
  });
  return Buffer.concat(lines.flat());
}

/** Blank lines are no items of the answer. */
function positionsOf(group: readonly Item[], first: number): readonly number[] {
  let next = first;
  return group.map(({ action }) => (action === undefined ? next : next++));
}

function rewritten({ lines, action }: Item, body: Buffer, needs: BulkNeeds): readonly Buffer[] {
  const [first, second] = lines as [Buffer, Buffer?];
  if (!second) return lines;
  if (action?.action !== 'update') return [first, body, breakOf(second)];
  const { hidden, sourceAsked } = needs;
  const besideId = first.includes('"_source"');
  if (goesAsItCame(second, besideId ? true : sourceAsked)) return lines;
  const bare = withoutFieldsInAnswer(body, hidden, besideId ? undefined : sourceAsked);
  return [besideId ? hiding(first, hidden) : first, bare, breakOf(second)];
}

/** An action whose `_source` stands beside the id; a list there is for the cluster to refuse. */
function hiding(line: Buffer, hidden: readonly string[]): Buffer {
  const plain = line.toString();
  if (/"_source"\s*:\s*\[/.test(plain)) return line;
  const open = plain.indexOf('{', plain.indexOf('{') + 1);
  const close = plain.lastIndexOf('}', plain.lastIndexOf('}') - 1) + 1;
  const meta = withoutFieldsInAnswer(Buffer.from(plain.slice(open, close)), hidden);
  return Buffer.from(plain.slice(0, open) + meta.toString() + plain.slice(close));
}

/** Once a line is no known action, the rest passes unread: pairing lines from there on would be a guess. */
async function* itemsOf(lines: AsyncIterable<Line>, pathIndex: string | undefined): AsyncGenerator<Item> {
  let open: { line: Buffer; action: BulkAction } | undefined;
  let lost = false;
  for await (const { bytes: line, whole } of lines) {
    if (open) {
      lost ||= !whole;
      yield { lines: [open.line, line], action: whole ? open.action : undefined };
      open = undefined;
      continue;
    }
    const action = lost || !whole ? undefined : readAction(line, pathIndex);
    if (action && action.action !== 'delete') open = { line, action };
    else {
      lost ||= action === undefined && (!whole || line.toString().trim() !== '');
      yield { lines: [line], action };
    }
  }
  if (open) yield { lines: [open.line], action: undefined };
}
