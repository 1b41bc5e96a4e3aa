/**
 * States in an index beside the user's, one document for each of its documents, by the same id and routing. Read and
 * written with the service's own credentials. A document's version is the sequence number of the one it was read
 * from, so that of two writers the one with the later text stays.
 */
import type { Engine, IndexBody } from '../../engine/port.ts';
import { MiceError } from '../../errors.ts';
import { elementsOf, membersOf, type Span, skipSpace } from '../../json/spans.ts';
import { readHeader } from '../../states/decode.ts';
import { contentHash } from '../../states/hash.ts';
import { splittingNumbers } from '../../states/splitting.ts';
import type { DocumentKey } from '../current.ts';
import { fieldNames, selectText } from '../text.ts';
import { CLAIM_MEMBERS, claimsToBeOfNow } from './claim.ts';
import { documentsById, routed, writeInBulk } from './requests.ts';
import type { ReadDocument, StandingHit, StatesStore, StoreNeeds } from './store.ts';

/** What lies in a companion for one document. */
export interface CompanionDocument {
  /** Base64. */
  readonly states: string;
  readonly model: string;
  readonly hash: string;
  /** How the text was read, as in the documents themselves; absent where it was before there were passages. */
  readonly tokens?: number;
  readonly truncated?: boolean;
  readonly splitting?: readonly number[];
  /** Of the document that the states were read from. */
  readonly seq_no: number;
}

/** Hidden, so that no search by wildcard finds it. */
export function companionName(index: string, object: string): string {
  return `${object.toLowerCase().replaceAll('_', '-')}-states-${index}`;
}

/** States in `_source` alone: neither indexed nor in doc values, and packed, since base64 packs to the bytes it means. */
export function companionBody(index: string, live: IndexBody): IndexBody {
  const { number_of_shards = '1', number_of_replicas = '1' } = indexSettings(live);
  return {
    settings: { index: { number_of_shards, number_of_replicas, hidden: true, codec: 'best_compression' } },
    mappings: {
      dynamic: false,
      _meta: { mice: { index, uuid: uuidOf(live) } },
      properties: {
        states: { type: 'binary' },
        model: { type: 'keyword' },
        hash: { type: 'keyword' },
        seq_no: { type: 'long' },
      },
    },
  };
}

function indexSettings({ settings }: IndexBody): Readonly<Record<string, string>> {
  return (settings['index'] ?? {}) as Readonly<Record<string, string>>;
}

function uuidOf(live: IndexBody): string {
  return indexSettings(live)['uuid'] ?? '';
}

/** `outlived`: of an index of this name that is no more. */
export type CompanionStanding = 'absent' | 'there' | 'outlived';

/** @throws MiceError `index-mapping` where an index of the companion's name is none */
export async function companionStanding(
  engine: Engine,
  index: string,
  live: IndexBody,
  object: string,
): Promise<CompanionStanding> {
  const name = companionName(index, object);
  const found = await engine.describeIndex(name);
  if (!found) return 'absent';
  const about = aboutOf(found.mappings);
  if (about?.index !== index) {
    throw new MiceError('index-mapping', `${name} is not the companion of ${index}.`, {
      hint: 'An index of that name was made by something else: delete it, or set fields.object to another name.',
    });
  }
  return about.uuid === uuidOf(live) ? 'there' : 'outlived';
}

/** Of which index a companion is; undefined where it is none. */
export function aboutOf(
  mappings: Readonly<Record<string, unknown>> | undefined,
): { readonly index: string; readonly uuid: string } | undefined {
  const meta = mappings?.['_meta'] as { readonly mice?: { index?: unknown; uuid?: unknown } } | undefined;
  const { index, uuid } = meta?.mice ?? {};
  return typeof index === 'string' && typeof uuid === 'string' ? { index, uuid } : undefined;
}

/** Makes the companion of a live index where there is none, or only that of an index that is no more. */
export async function ensureCompanion(
  engine: Engine,
  index: string,
  live: IndexBody,
  object: string,
): Promise<void> {
  const standing = await companionStanding(engine, index, live, object);
  if (standing === 'there') return;
  const name = companionName(index, object);
  try {
    if (standing === 'outlived') await engine.deleteIndex(name);
    await engine.createIndex(name, companionBody(index, live));
  } catch (error) {
    // Another process may have made it at the same moment.
    if ((await companionStanding(engine, index, live, object)) !== 'there') throw error;
  }
}

/** Names of the indices that have a companion. */
export async function companionsIn(engine: Engine, object: string): Promise<ReadonlySet<string>> {
  const path = `/${companionName('*', object)}/_mapping`;
  const query = { expand_wildcards: 'all', ignore_unavailable: true };
  const { status, body } = await engine.ask({ method: 'GET', path, query });
  if (status === 404) return new Set();
  if (status !== 200)
    throw new MiceError('upstream-refused', `The companions could not be listed: ${status}.`);
  const found = Object.values((body ?? {}) as Readonly<Record<string, Partial<IndexBody>>>);
  return new Set(found.flatMap(({ mappings }) => aboutOf(mappings)?.index ?? []));
}

/** An answer's bytes, and where in it the base64 text of each key's states stands, quotes left out. */
export interface StatesBeside {
  readonly answer: Buffer;
  readonly places: readonly (Span | undefined)[];
}

/**
 * Where the states of each key stand in what the cluster answers, in real time: states are long, so their answer is
 * not parsed.
 * @throws MiceError `upstream-refused` also where a shard does not say: what is not known is not absent
 */
export async function findBeside(
  engine: Engine,
  object: string,
  keys: readonly DocumentKey[],
): Promise<StatesBeside> {
  const docs = keys.map(({ index, id, routing }) => ({
    ...{ _index: companionName(index, object), _id: id, ...routed(routing) },
  }));
  const query = { _source_includes: 'states' };
  const { status, body: answer } = await engine.ask({
    ...{ method: 'POST', path: '/_mget', query, body: { docs }, asBytes: true },
  });
  if (status !== 200) throw new MiceError('upstream-refused', `_mget answered ${status}.`);
  const list = memberOf(answer, skipSpace(answer, 0), 'docs');
  const places = list ? elementsOf(answer, list.start).map((doc) => statesIn(answer, doc)) : [];
  return { answer, places };
}

function statesIn(answer: Buffer, doc: Span): Span | undefined {
  const members = membersOf(answer, doc.start);
  const error = members.findLast(({ key }) => key === 'error')?.value;
  if (error && !answer.subarray(error.start, error.end).includes('index_not_found_exception'))
    throw new MiceError(
      'upstream-refused',
      `A document could not be read: ${answer.toString('utf8', error.start, error.end)}`,
    );
  const source = members.findLast(({ key }) => key === '_source')?.value;
  const states = source && memberOf(answer, source.start, 'states');
  return states && { start: states.start + 1, end: states.end - 1 };
}

function memberOf(bytes: Buffer, start: number, key: string): Span | undefined {
  return membersOf(bytes, start).findLast((member) => member.key === key)?.value;
}

async function documents(
  engine: Engine,
  object: string,
  keys: readonly DocumentKey[],
  source: readonly string[],
): Promise<readonly (CompanionDocument | undefined)[]> {
  const docs = keys.map(({ index, id, routing }) => ({
    ...{ _index: companionName(index, object), _id: id, _source: source, ...routed(routing) },
  }));
  const found = await documentsById<{ readonly _source: CompanionDocument }>(engine, docs);
  return found.map((document) => document?._source);
}

/** A deletion that was accepted, with its sequence number. */
export interface Deleted extends DocumentKey {
  readonly seqNo: number;
}

export async function removeFromCompanion(
  engine: Engine,
  object: string,
  deleted: readonly Deleted[],
): Promise<void> {
  const lines = deleted.map(({ index, id, routing, seqNo: version }) => {
    const place = { _index: companionName(index, object), _id: id, ...routed(routing) };
    return `${JSON.stringify({ delete: { ...place, version, version_type: 'external_gte' } })}\n`;
  });
  await writeInBulk(engine, lines, { conflict: 'left', absent: 'left' });
}

/** Companion documents whose documents are looked for at a time. */
const PAGE = 500;

/**
 * @param index a concrete one, whose companion is there
 * @param trusting whether states that were read from the document as it is are fresh without a look at its text: they
 * are, unless the rules for texts were changed since
 */
export function companionStore(index: string, needs: StoreNeeds, trusting = false): StatesStore {
  const { engine, object, model, selection } = needs;
  const wanted = fieldNames(selection);
  const name = companionName(index, object);

  async function fetch(keys: readonly DocumentKey[]): Promise<readonly StandingHit[]> {
    const docs = keys.map(({ index: _index, id: _id, routing }) => ({
      ...{ _index, _id, _source: wanted, ...routed(routing) },
    }));
    const found = await documentsById<StandingHit>(engine, docs);
    return found.flatMap((hit) => (hit ? [hit] : []));
  }

  return {
    search: (query) => ({
      seq_no_primary_term: true,
      _source: trusting ? false : wanted,
      query: query ?? { match_all: {} },
    }),
    lacking: undefined,
    fetch,
    async read(hits) {
      const stored = await documents(engine, object, hits.map(keyOf), [...CLAIM_MEMBERS, 'seq_no']);
      const isKnown = hits.map(
        ({ _seq_no }, at) => stored[at]?.seq_no === _seq_no && stored[at].model === model,
      );
      const unread = hits.filter(({ _source }, at) => _source === undefined && !isKnown[at]);
      const fetched = new Map((await fetch(unread.map(keyOf))).map((hit) => [nameOf(hit), hit]));
      return hits.map((hit, at): ReadDocument => {
        const beside = stored[at];
        if (hit._source === undefined && isKnown[at] && beside)
          return { hit, text: '', hash: beside.hash, standing: 'fresh', claimed: true };
        const now = hit._source === undefined ? (fetched.get(nameOf(hit)) ?? hit) : hit;
        const text = selectText(now._source, selection);
        if (text === '') return { hit: now, text, hash: '', standing: 'no-text', claimed: false };
        const hash = contentHash(text);
        const claimed = claimsToBeOfNow(beside && { ...beside }, text, hash, needs);
        const standing = !beside ? 'missing' : claimed ? 'fresh' : 'stale';
        return { hit: now, text, hash, standing, claimed };
      });
    },
    write(read, states) {
      const lines = read.map(({ hit: { _id, _routing, _seq_no: version }, hash }) => {
        const place = { _index: name, _id, ...routed(_routing) };
        const bytes = states.get(hash)!;
        const document: CompanionDocument = {
          states: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
          ...{ model, hash, ...howRead(bytes), seq_no: version },
        };
        const action = { index: { ...place, version, version_type: 'external_gte' } };
        return `${JSON.stringify(action)}\n${JSON.stringify(document)}\n`;
      });
      return writeInBulk(engine, lines, { conflict: 'left', absent: 'left' });
    },
    async tidy(signal) {
      await engine.refresh(name);
      const view = await engine.openView(name);
      let removed = 0;
      try {
        let after: readonly unknown[] | undefined;
        while (!signal.aborted) {
          const { status, body } = await view.search({
            ...{ size: PAGE, _source: false, seq_no_primary_term: true, track_total_hits: false },
            sort: [{ _doc: 'asc' }],
            ...(after && { search_after: after }),
          });
          if (status !== 200) throw new MiceError('upstream-refused', `${name} cannot be read: ${status}.`);
          const hits: readonly StandingHit[] = body.hits.hits;
          removed += await removeOrphans(hits);
          if (hits.length < PAGE) break;
          after = hits.at(-1)!.sort;
        }
      } finally {
        await view.close();
      }
      return removed;
    },
  };

  async function removeOrphans(hits: readonly StandingHit[]): Promise<number> {
    const docs = hits.map(({ _id, _routing }) => ({
      ...{ _index: index, _id, _source: false, ...routed(_routing) },
    }));
    const found = await documentsById<unknown>(engine, docs);
    const lines = hits.flatMap(({ _id, _routing, _seq_no: if_seq_no, _primary_term: if_primary_term }, at) =>
      found[at]
        ? []
        : `${JSON.stringify({ delete: { _index: name, _id, if_seq_no, if_primary_term, ...routed(_routing) } })}\n`,
    );
    const outcomes = await writeInBulk(engine, lines, { conflict: 'left', absent: 'left' });
    return outcomes.filter(({ kind }) => kind === 'written').length;
  }
}

function howRead(states: Uint8Array): Pick<CompanionDocument, 'tokens' | 'truncated' | 'splitting'> {
  const reading = readHeader(states);
  if (reading.kind !== 'ok') return {};
  const { tokens, truncated, splitting } = reading.header;
  return { tokens, truncated, splitting: splittingNumbers(splitting) };
}

function keyOf({ _index: index, _id: id, _routing: routing }: StandingHit): DocumentKey {
  return { index, id, routing };
}

function nameOf({ _id, _routing }: StandingHit): string {
  return JSON.stringify([_id, _routing]);
}
