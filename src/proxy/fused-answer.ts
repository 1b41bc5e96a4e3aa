/**
 * One answer out of two: the caller's own search, in whose list of hits the neighbours of a search by vector get their
 * places. All else in the answer, and every hit of it, stays: the window comes first, then what else the caller's
 * search found in its order. A hit that both found is the caller's. Pure.
 */
import { edited } from '../json/edits.ts';
import type { Span } from '../json/spans.ts';
import { reciprocalRanks } from './fuse.ts';
import type { HitPlace, HitPlaces } from './hits.ts';
import type { NearSearch } from './near-search.ts';
import { printScore } from './splice.ts';

export interface AnswerWithHits {
  readonly answer: Buffer;
  readonly places: HitPlaces;
}

/**
 * `vector`: the neighbours first, with their scores. `hybrid`: the first `window` hits of each, fused by reciprocal
 * ranks, with the sum of these as score; of the neighbours, those that come into the window.
 * @param window hits of the first stage, the same for every page of a search
 */
export function fusedAnswer(
  kind: NearSearch['kind'],
  own: AnswerWithHits,
  near: AnswerWithHits,
  window: number,
): Buffer {
  const mine = named(own);
  const neighbours = named(near);
  const scored = kind === 'vector' ? byNearness(neighbours) : byBoth(mine, neighbours, window);
  const first = scored.slice(0, window);
  const taken = new Set(first.map(([name]) => name));
  const hits = [
    ...first.map(([name, score]) => withScore((mine.get(name) ?? neighbours.get(name))!, score)),
    ...[...mine].flatMap(([name, { answer, hit }]) =>
      taken.has(name) ? [] : [answer.subarray(hit.span.start, hit.span.end)],
    ),
  ];
  const { array, maxScore } = own.places;
  const [, best] = first[0] ?? [];
  const edits = [
    { span: array, bytes: listOf(hits, own.places.hits.length > 0 ? own : near) },
    ...(maxScore && best !== undefined ? [{ span: maxScore, bytes: best }] : []),
  ];
  return edited(
    own.answer,
    edits.sort((a, b) => a.span.start - b.span.start),
  );
}

interface NamedHit {
  readonly answer: Buffer;
  readonly hit: HitPlace;
}

function named({ answer, places }: AnswerWithHits): ReadonlyMap<string, NamedHit> {
  return new Map(
    places.hits.map((hit) => [JSON.stringify([hit.index, hit.id, hit.routing]), { answer, hit }]),
  );
}

/** Names and scores, best first. */
type Scored = readonly (readonly [name: string, score: string | undefined])[];

function byNearness(neighbours: ReadonlyMap<string, NamedHit>): Scored {
  return [...neighbours].map(
    ([
      name,
      {
        answer,
        hit: { score },
      },
    ]) => [name, score && answer.toString('latin1', score.start, score.end)],
  );
}

function byBoth(
  mine: ReadonlyMap<string, NamedHit>,
  neighbours: ReadonlyMap<string, NamedHit>,
  window: number,
): Scored {
  const rankings = [[...mine.keys()].slice(0, window), [...neighbours.keys()].slice(0, window)];
  return reciprocalRanks(rankings).map(([name, sum]) => [name, printScore(sum)]);
}

function withScore({ answer, hit: { span, score } }: NamedHit, text: string | undefined): Buffer {
  const bytes = answer.subarray(span.start, span.end);
  if (score === undefined || text === undefined) return bytes;
  return edited(bytes, [
    { span: { start: score.start - span.start, end: score.end - span.start }, bytes: text },
  ]);
}

/** The hits between the white space and commas that stand in `pattern`. */
function listOf(
  hits: readonly Buffer[],
  { answer, places: { array, hits: placed } }: AnswerWithHits,
): Buffer {
  const [first, second] = placed.map(({ span }) => span);
  const last = placed.at(-1)?.span;
  if (first === undefined || last === undefined) return answer.subarray(array.start, array.end);
  const between = (from: number, to: number) => answer.subarray(from, to);
  const separator = second ? between(first.end, second.start) : separatorBefore(answer, array, first);
  return Buffer.concat([
    between(array.start, first.start),
    ...hits.flatMap((hit, at) => (at === 0 ? [hit] : [separator, hit])),
    between(last.end, array.end),
  ]);
}

/** Where one hit stands alone: a comma, and the white space that stands before it. */
function separatorBefore(answer: Buffer, array: Span, first: Span): Buffer {
  return Buffer.concat([Buffer.from(','), answer.subarray(array.start + 1, first.start)]);
}
