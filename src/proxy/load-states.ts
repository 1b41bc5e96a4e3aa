/** States for the candidates of a window: in the answer, in memory, in an index beside, or to be encoded from the text. */
import type { Engine } from '../engine/port.ts';
import { findBeside } from '../ingest/stores/companion.ts';
import type { Placing } from '../ingest/stores/placing.ts';
import { type SelectionOf, selectText, type TextSelection } from '../ingest/text.ts';
import type { Span } from '../json/spans.ts';
import { checkStates } from '../states/check.ts';
import { contentHash } from '../states/hash.ts';
import type { StatesHeader } from '../states/layout.ts';
import { giveBackSlab, slabOf } from '../states/slabs.ts';
import type { Splitting } from '../states/splitting.ts';
import type { HitPlace } from './hits.ts';
import type { SeenStates } from './seen-states.ts';
import { inGoes } from './turns.ts';

/** Missing, stale and foreign states are values: the document is then encoded on sight. */
export type FoundStates = {
  /** The document's text, where the hit carries it. */
  readonly text: string | undefined;
} & (
  | { readonly kind: 'fresh'; readonly bytes: Uint8Array; readonly header: StatesHeader }
  /** `unusable`: of another bundle or layout, or damaged. */
  | { readonly kind: 'missing' | 'stale' | 'unusable' }
  /** They may be of another text than the document's, which is not at hand to tell. */
  | { readonly kind: 'unchecked'; readonly bytes: Uint8Array }
);

export interface HitReading {
  readonly bundleId: string;
  /** How texts are read now; any other is as good unless given. */
  readonly splitting?: Splitting | undefined;
}

export interface LoadedStates extends Pick<Slab, 'giveBack'> {
  /** One a hit. */
  readonly found: readonly FoundStates[];
}

/** The states of a window's hits, found and checked in goes. Never throws. */
export async function loadStates(
  { answer, hits, sourceIsWhole }: Pick<HitsToLoad, 'answer' | 'hits'> & { readonly sourceIsWhole: boolean },
  reading: HitReading,
  { selectionOf, locate }: { readonly selectionOf: SelectionOf; readonly locate: LocateStates },
  signal: AbortSignal,
): Promise<LoadedStates> {
  const go = inGoes();
  const texts: (HitText | undefined)[] = [];
  for (const hit of hits) {
    await go();
    texts.push(sourceIsWhole ? textIn(answer, hit, selectionOf(hit.index)) : undefined);
  }
  const lying = await locate({ answer, hits, texts }, signal);
  const { decode, giveBack } = openSlab(lying);
  const found: FoundStates[] = [];
  for (const [at, text] of texts.entries()) {
    await go();
    found.push(findStates(text, lying[at]!, reading, decode));
  }
  return { found, giveBack };
}

/** What of a document's text counts, where its hit carries all of the document. */
export interface HitText {
  readonly text: string;
  readonly hash: string;
}

/** @param selection which texts of the hit's document are read */
export function textIn(answer: Buffer, { source }: HitPlace, selection: TextSelection): HitText | undefined {
  if (source === undefined) return undefined;
  const text = selectText(JSON.parse(answer.toString('utf8', source.start, source.end)), selection);
  return { text, hash: contentHash(text) };
}

/**
 * What there is of a hit's states: usable when they are of this bundle and, where the text is at hand, of this text.
 * Those in the document went with its text, unless a pipeline has changed it; those beside may be of an earlier one.
 */
export function findStates(
  read: HitText | undefined,
  { states, isOwn }: Lying,
  reading: HitReading,
  decode: Decode,
): FoundStates {
  const text = read?.text;
  if (states === undefined) return { kind: 'missing', text };
  const isKept = states instanceof Uint8Array;
  const bytes = isKept ? states : decode(states);
  const check = checkStates(bytes, { ...reading, isIntact: isKept });
  if (check.kind === 'split-otherwise') return { kind: 'stale', text };
  if (check.kind !== 'ok') return { kind: 'unusable', text };
  if (text && check.header.hash !== read?.hash) return { kind: 'stale', text };
  if (!isOwn && text === undefined) return { kind: 'unchecked', bytes, text };
  return { kind: 'fresh', bytes, header: check.header, text };
}

/** A base64 text in an answer. */
export interface Base64 {
  readonly answer: Buffer;
  readonly at: Span;
}

export type Decode = (base64: Base64) => Uint8Array;

/** Memory for the decoded states of a window; what is to stay longer is to be copied. */
export interface Slab {
  readonly decode: Decode;
  /** To be called when none of the bytes is used any more; where that is not known, never. */
  giveBack(): void;
}

/** A slab that states are decoded into one after the other. */
export function openSlab(lying: readonly Lying[]): Slab {
  const slab = Buffer.from(slabOf(lying.reduce((sum, { states }) => sum + roomFor(states), 0)));
  let next = 0;
  return {
    decode({ answer, at }) {
      const start = next;
      const length = slab.write(answer.toString('latin1', at.start, at.end), start, 'base64');
      next += aligned(length);
      return new Uint8Array(slab.buffer, start, length);
    },
    giveBack: () => giveBackSlab(slab.buffer),
  };
}

/** Room for what is to be decoded, and for the next to start at a multiple of 4. */
function roomFor(states: Lying['states']): number {
  if (states === undefined || states instanceof Uint8Array) return 0;
  return aligned(Math.ceil(((states.at.end - states.at.start) * 3) / 4));
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** Where a hit's states lie. */
export interface Lying {
  /** In an answer, or in memory, where only checked ones are kept. */
  readonly states: Base64 | Uint8Array | undefined;
  /** Whether they lie in the document itself, and the cluster has not changed its text since they were made. */
  readonly isOwn: boolean;
}

/** The hits of a window, in an answer, and their texts. */
export interface HitsToLoad {
  readonly answer: Buffer;
  readonly hits: readonly HitPlace[];
  readonly texts: readonly (HitText | undefined)[];
}

/** One a hit. Never throws: what cannot be read, or not before `signal` fires, is missing. */
export type LocateStates = (window: HitsToLoad, signal: AbortSignal) => Promise<readonly Lying[]>;

type AskForStates = (
  hits: readonly HitPlace[],
  signal: AbortSignal,
) => Promise<readonly (Base64 | undefined)[]>;

export interface LocateNeeds {
  readonly engine: Engine;
  readonly object: string;
  readonly placing: Pick<Placing, 'ofHit' | 'rewrites'>;
  /** Where memory comes first: what it has, and how the cluster is asked for the states that it lacks. */
  readonly memory?: { readonly seen: SeenStates; readonly ask: AskForStates } | undefined;
  readonly onFault: (error: unknown) => void;
}

/** Reads beside with the service's own credentials, and only for hits of an answer that the caller got. */
export function locateStates({ engine, object, placing, memory, onFault }: LocateNeeds): LocateStates {
  const askBeside: AskForStates = async (hits) => {
    const { answer, places } = await findBeside(engine, object, hits);
    return places.map((at) => at && { answer, at });
  };

  /** By the places of the hits that are asked for; of none where the answer cannot be had. */
  async function asked(
    ask: AskForStates | undefined,
    hits: readonly HitPlace[],
    places: readonly number[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Base64 | undefined>> {
    if (ask === undefined || places.length === 0) return new Map();
    const asking = ask(
      places.map((place) => hits[place]!),
      signal,
    );
    const found = await Promise.race([asking, aborted(signal)]).catch((error: unknown) => {
      if (!signal.aborted) onFault(error);
      return undefined;
    });
    return new Map(found && places.map((place, at) => [place, found[at]]));
  }

  /** Whether the cluster may have states of a hit; of an empty text there are none. */
  function mayBeThere({ index }: HitPlace, read: HitText | undefined): boolean {
    return !read || (read.text !== '' && !memory?.seen.isAbsent(index, read.hash));
  }

  return async ({ answer, hits, texts }, signal) => {
    const stores = hits.map(({ index }) => placing.ofHit(index));
    const kept = hits.map(({ index }, at) => texts[at] && memory?.seen.get(index, texts[at].hash));
    const lacking = [...hits.keys()].filter((at) => !kept[at]);
    const beside = lacking.filter((at) => stores[at] === 'companion');
    const within = lacking.filter((at) => stores[at] === 'field' && mayBeThere(hits[at]!, texts[at]));
    const [besides, withins] = await Promise.all([
      asked(askBeside, hits, beside, signal),
      asked(memory?.ask, hits, within, signal),
    ]);
    for (const [at, states] of withins)
      if (!states && texts[at]) memory?.seen.missed(hits[at]!.index, texts[at].hash);
    return hits.map(({ index, states: at }, place): Lying => {
      const inAnswer = at && stores[place] === 'field' ? { answer, at } : undefined;
      return {
        states: kept[place] ?? besides.get(place) ?? withins.get(place) ?? inAnswer,
        isOwn: stores[place] === 'field' && !placing.rewrites(index),
      };
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
