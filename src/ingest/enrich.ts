/** Writes with vectors and states: select text → find or encode states → fields → into the document's own bytes. */
import { MiceError, messageOf } from '../errors.ts';
import { type Edit, edited, withMember } from '../json/edits.ts';
import { membersOf, type Span, skipSpace } from '../json/spans.ts';
import type { EncodingModel } from '../model/model.ts';
import { contentHash } from '../states/hash.ts';
import { type AskBytes, type Current, currentSources, type DocumentKey } from './current.ts';
import { miceFields } from './fields.ts';
import { type AskCluster, encodeTexts, knownStates, type StatesKeeper } from './known-states.ts';
import { changesNothing, isObject, merged } from './merge.ts';
import { type RecentWrites, rememberWrites } from './recent.ts';
import { type SelectionOf, selectText } from './text.ts';
import { readUpdate, type UpdateBody } from './update.ts';

export type WriteAction = 'index' | 'create' | 'update' | 'delete';

/** One document that is written, changed or deleted. */
export interface Write {
  readonly action: WriteAction;
  readonly index: string;
  /** Undefined where the cluster gives one. */
  readonly id: string | undefined;
  readonly routing: string | undefined;
  /** The document, or the body of the update; empty for a deletion. */
  readonly body: Buffer;
  /** The ingest pipeline that the request names for it. */
  readonly pipeline?: string | undefined;
}

export type EnrichedWrite =
  | { readonly kind: 'send'; readonly body: Buffer }
  /** Not to be sent: its states could not be computed, and it was asked not to go without. */
  | { readonly kind: 'refused'; readonly fault: MiceError };

/** What becomes of a document whose states cannot be computed: it goes without, or is refused. */
export type FailurePolicy = 'index' | 'refuse';

export interface EnrichNeeds {
  readonly model: EncodingModel;
  /** Whether each passage's vector is written too. */
  readonly passageVectors?: boolean;
  readonly selectionOf: SelectionOf;
  /** Name of the object that holds our fields. */
  readonly object: string;
  readonly keeper: StatesKeeper;
  readonly ask: AskCluster;
  readonly askBytes: AskBytes;
  readonly onFailure: FailurePolicy;
  readonly signal: AbortSignal;
  /** Told of documents with new states, and of those whose text had some already. */
  readonly onStates: (encoded: number, reused: number) => void;
  /** Told when encoding failed. */
  readonly onFault: (error: unknown, documents: number) => void;
}

/** A document inside a write: where it stands and what its text will be. */
interface Part {
  readonly span: Span;
  /** Empty when it has none; undefined where it is not known, and the document gets no fields. */
  readonly text: string | undefined;
  /** Whether the document has our object already, which is to go when there is no text any more. */
  readonly clear: boolean;
}

/**
 * Gives each document that has text our object; the rest of its bytes stays as it is. A partial update is given the
 * fields for the text that the document has after it, because the cluster drops what is not in the stored source.
 * What is not understood stays whole, for the cluster to answer.
 * @param recent what the same request has written before, for several calls on one request
 */
export async function enrichWrites(
  writes: readonly Write[],
  needs: EnrichNeeds,
  recent: RecentWrites = rememberWrites(),
): Promise<readonly EnrichedWrite[]> {
  const parts = await partsOf(writes, needs, recent);
  const states = await statesOf(writes, parts, needs);
  return writes.map((write, at) => finished(write, parts[at]!, states, needs));
}

function finished(
  { body }: Write,
  parts: readonly Part[],
  { byHash, fault }: FoundStates,
  needs: EnrichNeeds,
): EnrichedWrite {
  const edits: Edit[] = [];
  const wanted = { model: needs.model.bundle.model, passageVectors: needs.passageVectors };
  for (const { span, text, clear } of parts) {
    const states = text ? byHash.get(contentHash(text)) : undefined;
    if (text && !states && fault && needs.onFailure === 'refuse') return { kind: 'refused', fault };
    const fields = states ? miceFields(states, wanted) : undefined;
    const none = text === '' && clear ? 'null' : undefined;
    const document = body.subarray(span.start, span.end);
    edits.push({ span, bytes: withMember(document, needs.object, fields ?? none) });
  }
  const inOrder = edits.sort((a, b) => a.span.start - b.span.start);
  return { kind: 'send', body: edited(body, inOrder) };
}

interface FoundStates {
  readonly byHash: ReadonlyMap<string, Uint8Array>;
  /** Why some are missing. */
  readonly fault?: MiceError;
}

async function statesOf(
  writes: readonly Write[],
  parts: readonly (readonly Part[])[],
  needs: EnrichNeeds,
): Promise<FoundStates> {
  const wanted = new Map<string, Map<string, string>>();
  let documents = 0;
  writes.forEach(({ index }, at) => {
    for (const { text } of parts[at]!) {
      if (!text) continue;
      documents++;
      const texts = wanted.get(index) ?? new Map<string, string>();
      wanted.set(index, texts.set(contentHash(text), text));
    }
  });
  const { bundle, splitting } = needs.model;
  const byHash = new Map<string, Uint8Array>();
  const missing = new Map<string, string>();
  for (const [index, texts] of wanted) {
    const known = await knownStates(index, [...texts.keys()], { ...needs, bundle, splitting });
    for (const [hash, states] of known) byHash.set(hash, states);
    for (const [hash, text] of texts) if (!known.has(hash)) missing.set(hash, text);
  }
  for (const hash of byHash.keys()) missing.delete(hash);
  try {
    for (const [hash, states] of await encodeTexts(missing, needs.model, needs.signal)) {
      byHash.set(hash, states);
      needs.keeper.remember(hash, states);
    }
    if (documents > 0) needs.onStates(missing.size, documents - missing.size);
    return { byHash };
  } catch (cause) {
    needs.onFault(cause, missing.size);
    const message = `The document could not be encoded: ${messageOf(cause)}`;
    return { byHash, fault: new MiceError('ingest-refused', message, { cause }) };
  }
}

/** In the order of the writes, each seeing those before it. */
async function partsOf(
  writes: readonly Write[],
  needs: EnrichNeeds,
  recent: RecentWrites,
): Promise<readonly (readonly Part[])[]> {
  const updates = writes.map(({ action, body }) => (action === 'update' ? readUpdate(body) : undefined));
  const stored = await readBefore(writes, updates, needs, recent);
  return writes.map((write, at) => {
    if (write.action === 'delete') return forgotten(write, recent);
    if (write.pipeline !== undefined && write.pipeline !== '_none')
      return partsUnforeseen(write, updates[at], recent);
    if (write.action !== 'update') return partsOfDocument(write, stored, needs, recent);
    const update = updates[at];
    return update ? partsOfUpdate(write, update, stored, needs, recent) : [];
  });
}

function forgotten(write: Write, recent: RecentWrites): readonly Part[] {
  const key = keyOf(write);
  if (key) recent.set(key, 'absent');
  return [];
}

/** What the pipeline makes of the text is not known: no fields, and none that were copied along. */
function partsUnforeseen(
  write: Write,
  update: UpdateBody | undefined,
  recent: RecentWrites,
): readonly Part[] {
  const key = keyOf(write);
  if (key) recent.set(key, undefined);
  const whole = { start: 0, end: write.body.length };
  const spans = write.action === 'update' ? [update?.doc, update?.upsert] : [whole];
  return spans.flatMap((span) => {
    if (!span || !parsed(write.body.subarray(span.start, span.end))) return [];
    return [{ span, text: undefined, clear: false }];
  });
}

function partsOfDocument(
  write: Write,
  stored: ReadonlyMap<string, Current>,
  needs: EnrichNeeds,
  recent: RecentWrites,
): readonly Part[] {
  const document = parsed(write.body);
  if (!document) return [];
  const key = keyOf(write);
  if (key) recent.set(key, write.action === 'create' ? created(write, key, stored, recent) : write.body);
  const text = selectText(document, needs.selectionOf(write.index));
  return [{ span: { start: 0, end: write.body.length }, text, clear: false }];
}

/** What there is after a `create`, which the cluster refuses where there is a document already. */
function created(
  { body }: Write,
  key: DocumentKey,
  stored: ReadonlyMap<string, Current>,
  recent: RecentWrites,
): Current {
  const remembered = recent.get(key);
  const before = remembered.known ? remembered.current : stored.get(nameOf(key));
  return before === 'absent' ? body : before;
}

function partsOfUpdate(
  write: Write,
  update: UpdateBody,
  stored: ReadonlyMap<string, Current>,
  needs: EnrichNeeds,
  recent: RecentWrites,
): readonly Part[] {
  const key = keyOf(write);
  if (!key) return [];
  const { doc, upsert, docAsUpsert } = update;
  const remembered = recent.get(key);
  const current = remembered.known ? remembered.current : stored.get(nameOf(key));
  const at = ({ start, end }: Span) => update.bytes.subarray(start, end);
  const textOf = (source: unknown) => selectText(source, needs.selectionOf(write.index));
  const source = Buffer.isBuffer(current) ? parsed(current) : undefined;
  const [change, document] = [doc && parsed(at(doc)), upsert && parsed(at(upsert))];
  // The cluster refuses it, and its fault may tell what it was sent.
  if ((doc && !change) || (upsert && !document)) return [];
  const made: Part[] = [];
  if (upsert && document) {
    // Only where there is no document: one that exists is not made, and encoding it would be for nothing.
    const text = !source && !docAsUpsert ? textOf(document) : undefined;
    made.push({ span: upsert, text, clear: false });
    if (current === 'absent' && !docAsUpsert) recent.set(key, update.scriptedUpsert ? undefined : at(upsert));
  }
  if (update.scripted) {
    if (current !== 'absent') recent.set(key, undefined);
    return made;
  }
  if (!doc || !change) return made;
  const { [needs.object]: _, ...ofTheirs } = change;
  if (source && Buffer.isBuffer(current)) {
    const clear = Object.hasOwn(source, needs.object);
    const nothing =
      update.detectNoop && changesNothing(current, withMember(at(doc), needs.object, undefined));
    const after = merged(source, ofTheirs);
    if (!nothing) recent.set(key, Buffer.from(JSON.stringify(after)));
    return [...made, { span: doc, text: nothing ? undefined : textOf(after), clear }];
  }
  if (docAsUpsert && current === 'absent') recent.set(key, at(doc));
  // What a script of the same request made of it is not known, and fields would turn a noop into a change.
  const unknown = remembered.known && current === undefined;
  const text = docAsUpsert && !unknown ? textOf(ofTheirs) : undefined;
  return [...made, { span: doc, text, clear: false }];
}

/** The documents that updates change, as they are before this request. */
async function readBefore(
  writes: readonly Write[],
  updates: readonly (UpdateBody | undefined)[],
  needs: EnrichNeeds,
  recent: RecentWrites,
): Promise<ReadonlyMap<string, Current>> {
  const keys = new Map<string, DocumentKey>();
  const written = new Set<string>();
  const changed = new Set(
    writes.flatMap((write, at) => (updates[at] ? [JSON.stringify([write.index, write.id])] : [])),
  );
  writes.forEach((write, at) => {
    const key = keyOf(write);
    if (!key) return;
    const name = nameOf(key);
    const { doc, upsert } = updates[at] ?? {};
    const depends = write.action === 'create' ? changed.has(name) : doc || upsert;
    if (depends && !written.has(name) && !recent.get(key).known) keys.set(name, key);
    if (write.action === 'index' || write.action === 'delete') written.add(name);
  });
  const sources = await currentSources([...keys.values()], needs.askBytes);
  return new Map([...keys.keys()].map((name, at) => [name, sources[at]]));
}

function keyOf({ index, id, routing }: Write): DocumentKey | undefined {
  return id === undefined ? undefined : { index, id, routing };
}

function nameOf({ index, id }: DocumentKey): string {
  return JSON.stringify([index, id]);
}

/** Undefined when the bytes are no JSON object, or one that the engines refuse because a key comes twice. */
function parsed(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const document: unknown = JSON.parse(bytes.toString());
    if (!isObject(document)) return undefined;
    const written = membersOf(bytes, skipSpace(bytes, 0)).length;
    return written === Object.keys(document).length ? document : undefined;
  } catch {
    return undefined;
  }
}
