/** States for the candidates of a window: in the answer itself, in an index beside, or to be encoded from the text. */
import type { Engine } from '../engine/port.ts';
import { readCompanion } from '../ingest/stores/companion.ts';
import type { Placing } from '../ingest/stores/placing.ts';
import { type SelectionOf, selectText, type TextSelection } from '../ingest/text.ts';
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
export function findStates(answer: Buffer, hit: HitPlace, reading: HitReading, lying: Lying): FoundStates {
  const text = reading.sourceIsWhole ? textInHit(answer, hit, reading.selectionOf(hit.index)) : undefined;
  const bytes = bytesOf(answer, hit, lying);
  if (bytes === undefined) return { kind: 'missing', text };
  const check = checkStates(bytes, reading);
  if (check.kind === 'split-otherwise') return { kind: 'stale', text };
  if (check.kind !== 'ok') return { kind: 'unusable', text };
  if (text && check.header.hash !== contentHash(text)) return { kind: 'stale', text };
  const isOwn = lying.where === 'in-answer' && !lying.rewritten;
  if (!isOwn && text === undefined) return { kind: 'unchecked', bytes, text };
  return { kind: 'fresh', bytes, header: check.header };
}

function bytesOf(answer: Buffer, { states }: HitPlace, lying: Lying): Uint8Array | undefined {
  if (lying.where === 'beside') return lying.bytes;
  if (lying.where === 'nowhere' || states === undefined) return undefined;
  return Buffer.from(answer.toString('latin1', states.start, states.end), 'base64');
}

/** Where a hit's states lie, and those that lie beside. */
export type Lying =
  /** `rewritten`: the cluster may have changed the text after the states were made. */
  | { readonly where: 'in-answer'; readonly rewritten: boolean }
  | { readonly where: 'nowhere' }
  | { readonly where: 'beside'; readonly bytes: Uint8Array | undefined };

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
        ? []
        : await Promise.race([readCompanion(engine, object, beside), aborted(signal)]).catch(
            (error: unknown) => {
              if (!signal.aborted) onFault(error);
              return [];
            },
          );
    let next = 0;
    return stores.map((store, at): Lying => {
      if (store === 'cache') return { where: 'nowhere' };
      if (store === 'field') return { where: 'in-answer', rewritten: placing.rewrites(hits[at]!.index) };
      const document = found[next++];
      return { where: 'beside', bytes: document && Buffer.from(document.states, 'base64') };
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
