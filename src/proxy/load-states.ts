/** States for the candidates of a window: in the answer itself, in an index beside, or to be encoded from the text. */
import type { Engine } from '../engine/port.ts';
import { findBeside } from '../ingest/stores/companion.ts';
import type { Placing } from '../ingest/stores/placing.ts';
import { type SelectionOf, selectText, type TextSelection } from '../ingest/text.ts';
import type { Span } from '../json/spans.ts';
import { checkStates } from '../states/check.ts';
import { contentHash } from '../states/hash.ts';
import type { StatesHeader } from '../states/layout.ts';
import type { Splitting } from '../states/splitting.ts';
import type { HitPlace } from './hits.ts';

/** Missing, stale and foreign states are values: the document is then encoded on sight. */
export type FoundStates =
  | { readonly kind: 'fresh'; readonly bytes: Uint8Array; readonly header: StatesHeader }
  | {
      /** `unusable`: of another bundle or layout, or damaged. */
      readonly kind: 'missing' | 'stale' | 'unusable';
      /** The document's text, where the hit carries it. */
      readonly text: string | undefined;
    }
  /** They may be of another text than the document's, which is not at hand to tell. */
  | { readonly kind: 'unchecked'; readonly bytes: Uint8Array; readonly text: undefined };

export interface HitReading {
  readonly bundleId: string;
  /** How texts are read now; any other is as good unless given. */
  readonly splitting?: Splitting | undefined;
  /** Which texts of a hit's document are read. */
  readonly selectionOf: SelectionOf;
  /** Whether a hit's `_source` is all of the document. */
  readonly sourceIsWhole: boolean;
}

/**
 * What there is of a hit's states: usable when they are of this bundle and, where the text is at hand, of this text.
 * Those in the document went with its text, unless a pipeline has changed it; those beside may be of an earlier one.
 */
export function findStates(
  answer: Buffer,
  hit: HitPlace,
  reading: HitReading,
  lying: Lying,
  decode: Decode,
): FoundStates {
  const text = reading.sourceIsWhole ? textInHit(answer, hit, reading.selectionOf(hit.index)) : undefined;
  const base64 = base64Of(answer, hit, lying);
  const bytes = base64 && decode(base64);
  if (bytes === undefined) return { kind: 'missing', text };
  const check = checkStates(bytes, reading);
  if (check.kind === 'split-otherwise') return { kind: 'stale', text };
  if (check.kind !== 'ok') return { kind: 'unusable', text };
  if (text && check.header.hash !== contentHash(text)) return { kind: 'stale', text };
  const isOwn = lying.where === 'in-answer' && !lying.rewritten;
  if (!isOwn && text === undefined) return { kind: 'unchecked', bytes, text };
  return { kind: 'fresh', bytes, header: check.header };
}

/** A base64 text in an answer. */
interface Base64 {
  readonly answer: Buffer;
  readonly at: Span;
}

function base64Of(answer: Buffer, { states }: HitPlace, lying: Lying): Base64 | undefined {
  if (lying.where === 'beside') return lying.base64;
  return lying.where === 'in-answer' && states ? { answer, at: states } : undefined;
}

export type Decode = (base64: Base64) => Uint8Array;

/**
 * Decodes the states of a window one after the other into one buffer, which goes as a whole when none of them is used
 * any more: what is to stay longer is to be copied.
 */
export function openSlab(answer: Buffer, hits: readonly HitPlace[], lying: readonly Lying[]): Decode {
  const sizes = hits.map((hit, at) => sizeOf(base64Of(answer, hit, lying[at]!)));
  const slab = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, 0));
  let next = 0;
  return ({ answer: from, at }) => {
    const start = next;
    const length = slab.write(from.toString('latin1', at.start, at.end), start, 'base64');
    next += aligned(length);
    return new Uint8Array(slab.buffer, start, length);
  };
}

/** Room for it, and for the next to start at a multiple of 4. */
function sizeOf(base64: Base64 | undefined): number {
  return base64 ? aligned(Math.ceil(((base64.at.end - base64.at.start) * 3) / 4)) : 0;
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Where a hit's states lie, and those that lie beside. */
export type Lying =
  /** `rewritten`: the cluster may have changed the text after the states were made. */
  | { readonly where: 'in-answer'; readonly rewritten: boolean }
  | { readonly where: 'nowhere' }
  | { readonly where: 'beside'; readonly base64: Base64 | undefined };

/** One a hit. Never throws: what cannot be read, or not before `signal` fires, is missing. */
export type LocateStates = (hits: readonly HitPlace[], signal: AbortSignal) => Promise<readonly Lying[]>;

export interface LocateNeeds {
  readonly engine: Engine;
  readonly object: string;
  readonly placing: Pick<Placing, 'ofHit' | 'rewrites'>;
  readonly onFault: (error: unknown) => void;
}

/** Reads beside with the service's own credentials, and only for hits of an answer that the caller got. */
export function locateStates({ engine, object, placing, onFault }: LocateNeeds): LocateStates {
  return async (hits, signal) => {
    const stores = hits.map(({ index }) => placing.ofHit(index));
    const beside = hits.filter((_, at) => stores[at] === 'companion');
    const found =
      beside.length === 0
        ? undefined
        : await Promise.race([findBeside(engine, object, beside), aborted(signal)]).catch(
            (error: unknown) => {
              if (!signal.aborted) onFault(error);
              return undefined;
            },
          );
    let next = 0;
    return stores.map((store, place): Lying => {
      if (store === 'cache') return { where: 'nowhere' };
      if (store === 'field') return { where: 'in-answer', rewritten: placing.rewrites(hits[place]!.index) };
      const at = found?.places[next++];
      return { where: 'beside', base64: at && { answer: found!.answer, at } };
    });
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

function textInHit(answer: Buffer, { source }: HitPlace, selection: TextSelection): string | undefined {
  return source && selectText(JSON.parse(answer.toString('utf8', source.start, source.end)), selection);
}
