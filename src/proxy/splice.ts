/** Puts hits into another order by moving their bytes. Pure, linear in the answer's length. */
import type { Span } from '../json/spans.ts';
import type { HitPlace, HitPlaces } from './hits.ts';

export interface PlacedHit {
  /** Position in {@link HitPlaces.hits}. */
  readonly place: number;
  /** The score to write; undefined leaves the cluster's. */
  readonly score: number | undefined;
}

export interface Page {
  /** The page's hits in their new order, each at most once. */
  readonly hits: readonly PlacedHit[];
  /** The `max_score` to write; undefined leaves the cluster's. */
  readonly maxScore: number | undefined;
}

/**
 * The answer with `page` as its hits. A hit's bytes stay as they were but for `_score` and for what the
 * widened request added; everything outside the list stays but for `max_score`.
 */
export function splice(answer: Buffer, places: HitPlaces, page: Page): Buffer {
  const { array, emptied, hits, maxScore } = places;
  const shown = page.hits.filter(({ place }) => !hits[place]?.empty);
  const edits: Edit[] = [
    shown.length < page.hits.length && shown.length === 0
      ? { span: emptied, bytes: [] }
      : { span: array, bytes: listOf(answer, places, shown) },
  ];
  if (maxScore !== undefined && page.maxScore !== undefined && hits.length > 0) {
    edits.push({ span: maxScore, bytes: [Buffer.from(printScore(page.maxScore))] });
  }
  return Buffer.concat(edited(answer, { start: 0, end: answer.length }, edits));
}

/** A score as both engines' clients read it: always a decimal point, at most seven significant digits (float32). */
export function printScore(score: number): string {
  const text = String(Number(score.toPrecision(7)));
  return /[.e]/.test(text) ? text : `${text}.0`;
}

interface Edit {
  readonly span: Span;
  readonly bytes: readonly Buffer[];
}

/** The array with the page's hits between the white space and commas that stood between the cluster's. */
function listOf(answer: Buffer, { array, hits }: HitPlaces, shown: readonly PlacedHit[]): Buffer[] {
  const [first, second] = hits;
  const last = hits.at(-1);
  if (first === undefined || last === undefined) return [answer.subarray(array.start, array.end)];
  if (shown.length === 0) return [Buffer.from('[]')];
  const separator = second ? answer.subarray(first.span.end, second.span.start) : Buffer.from(',');
  const items = shown.flatMap(({ place, score }, at) => {
    const bytes = hitBytes(answer, hits[place] as HitPlace, score);
    return at === 0 ? bytes : [separator, ...bytes];
  });
  return [
    answer.subarray(array.start, first.span.start),
    ...items,
    answer.subarray(last.span.end, array.end),
  ];
}

function hitBytes(answer: Buffer, hit: HitPlace, score: number | undefined): Buffer[] {
  const edits: Edit[] = hit.added.map((span) => ({ span, bytes: [] }));
  if (hit.score && score !== undefined)
    edits.push({ span: hit.score, bytes: [Buffer.from(printScore(score))] });
  return edited(answer, hit.span, edits);
}

function edited(answer: Buffer, { start, end }: Span, edits: readonly Edit[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = start;
  for (const { span, bytes } of edits.toSorted((a, b) => a.span.start - b.span.start)) {
    parts.push(answer.subarray(at, span.start), ...bytes);
    at = span.end;
  }
  parts.push(answer.subarray(at, end));
  return parts;
}
