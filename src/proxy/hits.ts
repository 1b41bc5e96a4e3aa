/** Where the hits of a search answer stand, and what of each the re-ranker needs; nothing is parsed but that. */
import {
  cutOf,
  elementsOf,
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
  /** What the widened request added: cut before the hit is handed on. */
  readonly added: Span | undefined;
}

export interface HitPlaces {
  /** The array `hits.hits`, brackets included. */
  readonly array: Span;
  readonly hits: readonly HitPlace[];
  /** The value of `hits.max_score`; undefined where there is none. */
  readonly maxScore: Span | undefined;
}

/**
 * Finds the hits in the bytes of a search answer. Time is linear in its length.
 * @param statesField the doc-value field that the widened request asked for
 * @throws NotJson where the bytes are not an answer with hits
 */
export function findHits(answer: Buffer, statesField: string): HitPlaces {
  const outer = memberNamed(membersOf(answer, skipSpace(answer, 0)), 'hits');
  if (outer === undefined) throw new NotJson(0);
  const members = membersOf(answer, outer.value.start);
  const list = memberNamed(members, 'hits');
  if (list === undefined) throw new NotJson(outer.value.start);
  return {
    array: list.value,
    hits: elementsOf(answer, list.value.start).map((span) => placeOf(answer, span, statesField)),
    maxScore: memberNamed(members, 'max_score')?.value,
  };
}

function placeOf(answer: Buffer, span: Span, statesField: string): HitPlace {
  const members = membersOf(answer, span.start);
  const text = (key: string) => {
    const member = memberNamed(members, key);
    return member && stringAt(answer, member.value);
  };
  const index = text('_index');
  const id = text('_id');
  if (index === undefined || id === undefined) throw new NotJson(span.start);
  return {
    span,
    index,
    id,
    routing: text('_routing'),
    score: memberNamed(members, '_score')?.value,
    source: memberNamed(members, '_source')?.value,
    ...statesOf(answer, members, statesField),
  };
}

function statesOf(
  answer: Buffer,
  members: readonly Member[],
  statesField: string,
): Pick<HitPlace, 'states' | 'added'> {
  const fields = memberNamed(members, 'fields');
  if (fields === undefined) return { states: undefined, added: undefined };
  const inner = membersOf(answer, fields.value.start);
  const ours = memberNamed(inner, statesField);
  if (ours === undefined) return { states: undefined, added: undefined };
  const [value] = elementsOf(answer, ours.value.start);
  return {
    states: value && { start: value.start + 1, end: value.end - 1 },
    added: inner.length === 1 ? cutOf(members, fields) : cutOf(inner, ours),
  };
}

function memberNamed(members: readonly Member[], key: string): Member | undefined {
  return members.findLast((member) => member.key === key);
}
