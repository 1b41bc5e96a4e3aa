/** Where the hits of a search answer stand, and what of each the re-ranker needs; nothing is parsed but that. */
import {
  cutsOf,
  type Ends,
  elementsOf,
  endsWithin,
  type Member,
  membersOf,
  NotJson,
  type Span,
  skipSpace,
  stringAt,
} from '../json/spans.ts';

export interface HitPlace {
  readonly span: Span;
  readonly index: string;
  readonly id: string;
  readonly routing: string | undefined;
  /** The value of `_score`; undefined where the hit has none. */
  readonly score: Span | undefined;
  readonly source: Span | undefined;
  /** The base64 text of the states, quotes left out. */
  readonly states: Span | undefined;
  /** What the widened request added: cut before the hit is handed on. In order, without overlap. */
  readonly added: readonly Span[];
  /** Nothing is left of the hit without `added`: the caller's filter leaves it out. */
  readonly empty: boolean;
}

export interface HitPlaces {
  /** The array `hits.hits`, brackets included. */
  readonly array: Span;
  /** What to cut where no hit is left: engines leave empty lists out of filtered answers. */
  readonly emptied: Span;
  readonly hits: readonly HitPlace[];
  /** The value of `hits.max_score`; undefined where there is none. */
  readonly maxScore: Span | undefined;
}

/** How the widened request differs from the caller's in what a hit shows. */
export interface HitDifference {
  /** The caller asked for the states too: they stay. */
  readonly keepStates?: boolean;
  /** Members of a hit that the caller did not ask for. */
  readonly hidden?: readonly string[];
}

/** Answer, `hits`, `hits.hits`, hit, and what a hit holds. */
const LEVELS = 5;

/**
 * Finds the hits in the bytes of a search answer. Time is linear in its length.
 * @param statesField the doc-value field that the widened request asked for
 * @throws NotJson where the bytes are not an answer with hits
 */
export function findHits(answer: Buffer, statesField: string, difference: HitDifference = {}): HitPlaces {
  const start = skipSpace(answer, 0);
  const ends = endsWithin(answer, start, LEVELS);
  const top = membersOf(answer, start, ends);
  const outer = memberNamed(top, 'hits');
  if (outer === undefined) throw new NotJson(0);
  const members = membersOf(answer, outer.value.start, ends);
  const list = memberNamed(members, 'hits');
  if (list === undefined) throw new NotJson(outer.value.start);
  const [emptied] = members.length === 1 ? cutsOf(top, [outer]) : cutsOf(members, [list]);
  return {
    array: list.value,
    emptied: emptied as Span,
    hits: elementsOf(answer, list.value.start, ends).map((span) =>
      placeOf(answer, ends, span, statesField, difference),
    ),
    maxScore: memberNamed(members, 'max_score')?.value,
  };
}

function placeOf(
  answer: Buffer,
  ends: Ends,
  span: Span,
  statesField: string,
  difference: HitDifference,
): HitPlace {
  const members = membersOf(answer, span.start, ends);
  const text = (key: string) => {
    const member = memberNamed(members, key);
    return member && stringAt(answer, member.value);
  };
  const index = text('_index');
  const id = text('_id');
  if (index === undefined || id === undefined) throw new NotJson(span.start);
  const fields = memberNamed(members, 'fields');
  const inner = fields === undefined ? [] : membersOf(answer, fields.value.start);
  const states = memberNamed(inner, statesField);
  const hidden = members.filter(({ key }) => difference.hidden?.includes(key));
  const ours = states === undefined || difference.keepStates ? undefined : states;
  const gone = ours !== undefined && inner.length === 1 ? [...hidden, fields as Member] : hidden;
  const withinFields = ours !== undefined && inner.length > 1 ? cutsOf(inner, [ours]) : [];
  return {
    span,
    index,
    id,
    routing: text('_routing'),
    score: memberNamed(members, '_score')?.value,
    source: memberNamed(members, '_source')?.value,
    states: states && contentOf(answer, states),
    added: [...cutsOf(members, gone), ...withinFields].sort((a, b) => a.start - b.start),
    empty: gone.length === members.length,
  };
}

/** The base64 text in a list of one string, quotes left out. */
function contentOf(answer: Buffer, states: Member): Span | undefined {
  const [value] = elementsOf(answer, states.value.start);
  return value && { start: value.start + 1, end: value.end - 1 };
}

function memberNamed(members: readonly Member[], key: string): Member | undefined {
  return members.findLast((member) => member.key === key);
}
