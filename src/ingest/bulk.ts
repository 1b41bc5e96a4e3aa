/**
 * A bulk request's NDJSON, enriched as it streams: order kept, memory bounded by one group of items, and every
 * line that is not understood handed on as it came, so that the cluster answers for it.
 */
import type { Readable } from 'node:stream';

/** Items and bytes that are held at a time. */
const GROUP_ITEMS = 256;
const GROUP_BYTES = 4 << 20;

export interface BulkNeeds {
  /** The index in the request's path, for actions that name none. */
  readonly index: string | undefined;
  readonly isPrepared: (index: string) => Promise<boolean>;
  readonly enrich: (sources: readonly Buffer[]) => Promise<readonly Buffer[]>;
}

/** Lines of one item: the action, and the source where the action has one. */
interface Item {
  readonly lines: Buffer[];
  /** The index whose fields the source gets; undefined where the item passes as it is. */
  readonly enrichFor: string | undefined;
}

export async function* enrichBulk(body: Readable, needs: BulkNeeds): AsyncGenerator<Buffer> {
  let group: Item[] = [];
  let bytes = 0;
  for await (const item of itemsOf(linesOf(body), needs.index)) {
    group.push(item);
    bytes += item.lines.reduce((sum, line) => sum + line.length, 0);
    if (group.length < GROUP_ITEMS && bytes < GROUP_BYTES) continue;
    yield await enrichGroup(group, needs);
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield await enrichGroup(group, needs);
}

async function enrichGroup(group: readonly Item[], needs: BulkNeeds): Promise<Buffer> {
  const wanted: Item[] = [];
  for (const item of group) {
    if (item.enrichFor !== undefined && (await needs.isPrepared(item.enrichFor))) wanted.push(item);
  }
  const enriched = await needs.enrich(wanted.map(({ lines }) => withoutBreak(lines[1]!)));
  wanted.forEach((item, at) => {
    item.lines[1] = Buffer.concat([enriched[at]!, breakOf(item.lines[1]!)]);
  });
  return Buffer.concat(group.flatMap(({ lines }) => lines));
}

/** Once a line is no known action, the rest passes unread: pairing lines from there on would be a guess. */
async function* itemsOf(lines: AsyncIterable<Buffer>, pathIndex: string | undefined): AsyncGenerator<Item> {
  let action: { line: Buffer; enrichFor: string | undefined } | undefined;
  let lost = false;
  for await (const line of lines) {
    if (action) {
      yield { lines: [action.line, line], enrichFor: action.enrichFor };
      action = undefined;
      continue;
    }
    const read: ReadAction | undefined = lost ? undefined : readAction(line, pathIndex);
    if (read?.hasSource) action = { line, enrichFor: read.enrichFor };
    else {
      lost ||= read === undefined && line.toString().trim() !== '';
      yield { lines: [line], enrichFor: undefined };
    }
  }
  if (action) yield { lines: [action.line], enrichFor: undefined };
}

interface ReadAction {
  readonly hasSource: boolean;
  readonly enrichFor: string | undefined;
}

function readAction(line: Buffer, pathIndex: string | undefined): ReadAction | undefined {
  const [name, meta] = soleMember(line) ?? [];
  if (name === 'delete') return { hasSource: false, enrichFor: undefined };
  if (name === 'update') return { hasSource: true, enrichFor: undefined };
  if (name !== 'index' && name !== 'create') return undefined;
  const index = (meta as { _index?: unknown } | null)?._index ?? pathIndex;
  return { hasSource: true, enrichFor: typeof index === 'string' ? index : undefined };
}

function soleMember(line: Buffer): [string, unknown] | undefined {
  try {
    const entries = Object.entries(JSON.parse(line.toString()));
    return entries.length === 1 ? entries[0] : undefined;
  } catch {
    return undefined;
  }
}

/** Lines with their breaks; the last may have none. */
async function* linesOf(body: Readable): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      yield Buffer.concat([...pieces, chunk.subarray(start, end + 1)]);
      pieces = [];
      start = end + 1;
    }
    if (start < chunk.length) pieces.push(chunk.subarray(start));
  }
  if (pieces.length > 0) yield Buffer.concat(pieces);
}

function withoutBreak(line: Buffer): Buffer {
  return line.subarray(0, line.length - breakOf(line).length);
}

function breakOf(line: Buffer): Buffer {
  const end = line.at(-1) === 0x0a ? (line.at(-2) === 0x0d ? 2 : 1) : 0;
  return line.subarray(line.length - end);
}
