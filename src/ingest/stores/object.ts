/**
 * One bundle's object in documents, written by partial updates. The cluster drops what is not in the stored source,
 * so vectors and states of other bundles' objects are read and written along.
 */
import type { Engine } from '../../engine/port.ts';
import { readHeader } from '../../states/decode.ts';
import { miceFields } from '../fields.ts';
import { routed, writeInBulk } from './requests.ts';
import type { Outcome, StandingHit } from './store.ts';

type Properties = Readonly<Record<string, { readonly properties?: Properties; readonly type?: string }>>;

/** Names of the objects in a mapping that hold a bundle's fields. */
export function objectsIn(mappings: Readonly<Record<string, unknown>>): readonly string[] {
  const properties = (mappings['properties'] ?? {}) as Properties;
  return Object.keys(properties).filter((name) => {
    const { vector, states, model, hash } = properties[name]?.properties ?? {};
    return vector && states?.type === 'binary' && model?.type === 'keyword' && hash?.type === 'keyword';
  });
}

export function hasStates(mappings: Readonly<Record<string, unknown>>, object: string): boolean {
  const properties = (mappings['properties'] ?? {}) as Properties;
  const has = properties[object]?.properties?.['states']?.type === 'binary';
  return has && !droppedIn(mappings).includes(object);
}

/** Objects whose values were taken out of the documents: a mapping keeps their names. */
export function droppedIn(mappings: Readonly<Record<string, unknown>>): readonly string[] {
  const meta = mappings['_meta'] as { readonly mice?: { readonly dropped?: unknown } } | undefined;
  const dropped = meta?.mice?.dropped;
  return Array.isArray(dropped) ? dropped : [];
}

/** A mapping's `_meta` that says so; what else it holds stays. */
export function metaWithDropped(
  mappings: Readonly<Record<string, unknown>>,
  dropped: readonly string[],
): Readonly<Record<string, unknown>> {
  const meta = (mappings['_meta'] ?? {}) as Readonly<Record<string, object | undefined>>;
  return { ...meta, mice: { ...meta['mice'], dropped } };
}

/**
 * One outcome a hit; an update that a change in between refuses is `changed`.
 * @param hits of one index
 * @param others objects whose vectors and states are to stay
 * @param member the object's name and value, as a member in JSON, by place in `hits`
 */
export async function writeObject(
  engine: Engine,
  hits: readonly StandingHit[],
  others: readonly string[],
  member: (place: number) => string,
): Promise<readonly Outcome[]> {
  const along = await membersAlong(engine, hits, others);
  const lines = hits.flatMap((hit, place) => {
    const more = along[place];
    if (more === undefined) return [];
    const { _index, _id, _routing, _seq_no: if_seq_no, _primary_term: if_primary_term } = hit;
    const action = { update: { _index, _id, if_seq_no, if_primary_term, ...routed(_routing) } };
    return `${JSON.stringify(action)}\n{"doc":{${[member(place), ...more].join(',')}}}\n`;
  });
  const outcomes = await writeInBulk(engine, lines, { conflict: 'changed', absent: 'left' });
  let next = 0;
  return along.map((more): Outcome => (more === undefined ? { kind: 'changed' } : outcomes[next++]!));
}

/** A query for documents that have vectors of passages in `object`; none where its mapping has no place for them. */
export function havingPassages(object: string, name?: string): unknown {
  const nested = { path: `${object}.passages`, query: { match_all: {} }, ignore_unmapped: true };
  return { nested: { ...nested, ...(name !== undefined && { _name: name }) } };
}

interface Along {
  readonly _id: string;
  readonly _routing?: string;
  readonly _seq_no: number;
  readonly _source?: Readonly<Record<string, { readonly model?: string } | null>>;
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  /** Objects that have vectors of passages. */
  readonly matched_queries?: readonly string[];
}

/** Members of other bundles, by place; undefined where a document is another one by now. */
async function membersAlong(
  engine: Engine,
  hits: readonly StandingHit[],
  others: readonly string[],
): Promise<readonly (readonly string[] | undefined)[]> {
  const [first] = hits;
  if (others.length === 0 || !first) return hits.map(() => []);
  const index = first._index;
  // Doc values are seen by searches only, and by those only after a refresh.
  await engine.refresh(index);
  const { status, body } = await engine.ask({
    method: 'POST',
    path: `/${encodeURIComponent(index)}/_search`,
    body: {
      // As many as there are, even where an id exists under several routings.
      size: 2 * hits.length,
      query: {
        bool: {
          filter: [{ ids: { values: hits.map(({ _id }) => _id) } }],
          should: others.map((object) => havingPassages(object, object)),
          minimum_should_match: 0,
        },
      },
      seq_no_primary_term: true,
      _source: others.map((object) => `${object}.model`),
      docvalue_fields: others.map((object) => `${object}.states`),
    },
  });
  const found: readonly Along[] = status === 200 ? body.hits.hits : [];
  const byName = new Map(found.map((hit) => [nameOf(hit), hit]));
  return hits.map((hit) => {
    const now = byName.get(nameOf(hit));
    if (now?._seq_no !== hit._seq_no) return undefined;
    return others.flatMap((object) => {
      const states = now.fields?.[`${object}.states`]?.[0];
      const model = now._source?.[object]?.model;
      if (states === undefined || model === undefined) return [];
      const bytes = Buffer.from(states, 'base64');
      const passageVectors = now.matched_queries?.includes(object) ?? false;
      if (readHeader(bytes).kind !== 'ok') return [];
      return `${JSON.stringify(object)}:${miceFields(bytes, { model, passageVectors })}`;
    });
  });
}

function nameOf({ _id, _routing }: Pick<Along, '_id' | '_routing'>): string {
  return JSON.stringify([_id, _routing]);
}
