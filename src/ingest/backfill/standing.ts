/** What a stored document's states are to its text, told without reading the states. */
import { contentHash } from '../../states/hash.ts';
import { fieldNames, selectText, type TextSelection } from '../text.ts';

/** `no-text`: there is nothing to read, and nothing to be done. */
export type Standing = 'fresh' | 'stale' | 'missing' | 'no-text';

export interface StandingNeeds {
  /** Name of the object that holds our fields. */
  readonly object: string;
  /** Value of `model` that is fresh. */
  readonly model: string;
  readonly selection: TextSelection;
}

/** A hit of {@link standingSearch}. */
export interface StandingHit {
  readonly _index: string;
  readonly _id: string;
  readonly _routing?: string;
  readonly _seq_no: number;
  readonly _primary_term: number;
  readonly _source?: Readonly<Record<string, unknown>>;
  readonly matched_queries?: readonly string[];
  readonly sort?: readonly unknown[];
}

export interface ReadDocument {
  readonly hit: StandingHit;
  readonly text: string;
  readonly hash: string;
  readonly standing: Standing;
}

const HAS_STATES = 'mice-states';

/**
 * Body members of a search whose hits say all that {@link readHit} asks for.
 * @param query only the documents that it finds
 */
export function standingSearch(
  { object, selection }: StandingNeeds,
  query?: unknown,
): Readonly<Record<string, unknown>> {
  const states = { exists: { field: `${object}.states`, _name: HAS_STATES } };
  return {
    seq_no_primary_term: true,
    _source: sourceFilter(object, selection),
    query: { bool: { filter: [query ?? { match_all: {} }], should: [states], minimum_should_match: 0 } },
  };
}

/** What has to be read of a source. */
export function sourceFilter(object: string, selection: TextSelection): readonly string[] {
  return [...fieldNames(selection), `${object}.hash`, `${object}.model`];
}

export function readHit(hit: StandingHit, needs: StandingNeeds): ReadDocument {
  const text = selectText(hit._source, needs.selection);
  const hash = text === '' ? '' : contentHash(text);
  const has = hit.matched_queries?.includes(HAS_STATES) ?? false;
  return { hit, text, hash, standing: standingOf(hit, hash, has, needs) };
}

function standingOf(hit: StandingHit, hash: string, hasStates: boolean, needs: StandingNeeds): Standing {
  if (hash === '') return 'no-text';
  if (!hasStates) return 'missing';
  const ours = hit._source?.[needs.object] as { hash?: unknown; model?: unknown } | null | undefined;
  return ours?.hash === hash && ours.model === needs.model ? 'fresh' : 'stale';
}
