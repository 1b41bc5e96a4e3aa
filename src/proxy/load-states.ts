/** States for the candidates of a window: stored in the answer itself, or to be encoded from the document's text. */
import { type SelectionOf, selectText, type TextSelection } from '../ingest/text.ts';
import { checkStates } from '../states/check.ts';
import { contentHash } from '../states/hash.ts';
import type { HitPlace } from './hits.ts';

/** Missing, stale and foreign states are values: the document is then encoded on sight. */
export type FoundStates =
  | { readonly kind: 'fresh'; readonly bytes: Uint8Array }
  | {
      /** `unusable`: of another bundle or layout, or damaged. */
      readonly kind: 'missing' | 'stale' | 'unusable';
      /** The document's text, where the hit carries it. */
      readonly text: string | undefined;
    };

export interface HitReading {
  readonly bundleId: string;
  /** Which texts of a hit's document are read. */
  readonly selectionOf: SelectionOf;
  /** Whether a hit's `_source` is all of the document. */
  readonly sourceIsWhole: boolean;
}

/** What a hit holds of its states: usable when they are of this bundle and, where the text is at hand, of this text. */
export function findStates(answer: Buffer, hit: HitPlace, reading: HitReading): FoundStates {
  const text = reading.sourceIsWhole ? textInHit(answer, hit, reading.selectionOf(hit.index)) : undefined;
  if (hit.states === undefined) return { kind: 'missing', text };
  const bytes = Buffer.from(answer.toString('latin1', hit.states.start, hit.states.end), 'base64');
  const check = checkStates(bytes, { bundleId: reading.bundleId });
  if (check.kind !== 'ok') return { kind: 'unusable', text };
  if (text && check.header.hash !== contentHash(text)) return { kind: 'stale', text };
  return { kind: 'fresh', bytes };
}

function textInHit(answer: Buffer, { source }: HitPlace, selection: TextSelection): string | undefined {
  return source && selectText(JSON.parse(answer.toString('utf8', source.start, source.end)), selection);
}
