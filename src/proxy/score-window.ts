/**
 * Scores of a window's candidates by the deadline: those with stored states first, since they cost a hundredth, then
 * those whose documents have to be read; each in the order of the first stage, so that the best come first.
 */
import type { Logger } from 'pino';
import { MiceError } from '../errors.ts';
import { type SelectionOf, selectText } from '../ingest/text.ts';
import type { EncodedQuery, Model } from '../model/model.ts';
import { loggable } from '../observe/log.ts';
import type { StageClock } from '../observe/stages.ts';
import { type PassagePlace, readHeader, viewPassages } from '../states/decode.ts';
import type { StatesHeader } from '../states/layout.ts';
import type { Splitting } from '../states/splitting.ts';
import type { HitPlace } from './hits.ts';
import type { LiveStates } from './live-states.ts';
import type { Load } from './load.ts';
import { type FoundStates, type LocateStates, loadStates } from './load-states.ts';
import type { SeenStates } from './seen-states.ts';
import type { DegradeReason } from './verdicts.ts';

export interface WindowNeeds {
  readonly model: Model;
  readonly live: LiveStates;
  readonly load: Load;
  readonly log: Logger;
  /** Which texts of a hit's document are read. */
  readonly selectionOf: SelectionOf;
  /** Where the states of hits lie. */
  readonly locate: LocateStates;
  /** Told of states that were read of a text that is at hand; says whether memory had them. */
  readonly saw: SeenStates['saw'];
  /** Told of a window whose texts are at hand: its hits, and how many of their states memory had. */
  readonly onRead: (hits: number, inMemory: number) => void;
  /** Told of states whose text is read next: they are used where it has the hash that they name. */
  readonly remember: (states: Uint8Array) => void;
  /** Told of the hits whose documents were encoded on sight. */
  readonly onEncoded?: ((hits: readonly HitPlace[]) => void) | undefined;
  /** Reads sources by id with the caller's own headers. */
  readonly fetchSources: (hits: readonly HitPlace[]) => Promise<readonly unknown[]>;
}

export interface Window {
  readonly answer: Buffer;
  readonly hits: readonly HitPlace[];
  readonly sourceIsWhole: boolean;
  readonly query: Promise<EncodedQuery>;
  /** Fires at the deadline, or when the caller leaves. */
  readonly deadline: AbortSignal;
  /** When it fires, on the clock of `performance.now()`. */
  readonly deadlineAtMs: number;
}

/** How a candidate's states were found; `unread` where it was not looked at. */
export type StatesKind = FoundStates['kind'] | 'unread';

export interface Scored {
  /** One a candidate; undefined where it was not scored. */
  readonly scores: readonly (number | undefined)[];
  readonly reason?: DegradeReason | undefined;
  /** One a candidate. */
  readonly states: readonly StatesKind[];
  /** How the scored candidates were read; undefined for the others. */
  readonly read: readonly (CandidateRead | undefined)[];
}

/** What of a candidate's text counts. */
export interface CandidateRead {
  readonly passages: number;
  /** Number of the passage that has the score, from 1. */
  readonly best: number;
  /** Where that passage stands in the text, in UTF-16 units; undefined where it is all that was read. */
  readonly place: PassagePlace | undefined;
  /** Whether the text is longer than its passages. */
  readonly truncated: boolean;
}

/** Passages encoded in one go. */
const READ_AT_A_TIME = 8;
/** Only for guessing how many passages a text has. */
const CHARACTERS_PER_TOKEN = 4;

/** Never throws: what is not scored stays in the cluster's order, and the reason says why. */
export async function scoreWindow(window: Window, clock: StageClock, needs: WindowNeeds): Promise<Scored> {
  const scores: (number | undefined)[] = window.hits.map(() => undefined);
  const states: StatesKind[] = window.hits.map(() => 'unread');
  const read: (CandidateRead | undefined)[] = window.hits.map(() => undefined);
  const { admission, limits, breaker } = needs.load;
  const without = (reason: DegradeReason): Scored => ({ scores, states, read, reason });
  if (window.hits.length === 0) return { scores, states, read };
  if (!breaker.allows()) return without('model-rests');
  const turn = await clock.time('queue', () => admission.enter(limits, window.deadline));
  if (!turn) return without(window.deadline.aborted ? 'deadline' : 'overloaded');
  const most = Math.ceil(window.hits.length * turn.share);
  try {
    const encoded = await window.query;
    await scoreFirst(most, { window, clock, needs, encoded, scores, states, read });
    breaker.succeeded();
    return { scores, states, read, reason: reasonIn(scores, most, window.deadline) };
  } catch (error) {
    const reason = reasonOf(error, window.deadline);
    if (reason === 'model-failed') breaker.failed();
    if (reason !== 'deadline')
      needs.log.warn({ ...loggable(error), reason }, 'a search was answered in the order of the cluster');
    return without(reason);
  } finally {
    turn.leave();
  }
}

interface Work {
  readonly window: Window;
  readonly clock: StageClock;
  readonly needs: WindowNeeds;
  readonly encoded: EncodedQuery;
  /** Filled in by place. */
  readonly scores: (number | undefined)[];
  readonly states: StatesKind[];
  readonly read: (CandidateRead | undefined)[];
}

interface Ready {
  readonly place: number;
  readonly bytes: Uint8Array;
  /** Undefined where the bytes cannot be read, which the model will say. */
  readonly header: StatesHeader | undefined;
}

async function scoreFirst(most: number, work: Work): Promise<void> {
  const { window, clock, needs } = work;
  const { answer, hits, sourceIsWhole } = window;
  const { bundle, splitting } = needs.model;
  const reading = { bundleId: bundle.id, splitting };
  const looked = hits.slice(0, most);
  const { found, giveBack } = await clock.time('states', () =>
    loadStates({ answer, hits: looked, sourceIsWhole }, reading, needs, window.deadline),
  );
  const ready: Ready[] = [];
  const lacking: { readonly place: number; readonly text: string | undefined }[] = [];
  let inMemory = 0;
  for (const [place, one] of found.entries()) {
    work.states[place] = one.kind;
    if (one.kind === 'fresh') ready.push({ place, bytes: one.bytes, header: one.header });
    else lacking.push({ place, text: one.text });
    if (one.kind === 'unchecked') needs.remember(one.bytes.slice());
    if (one.kind === 'fresh' && one.text && needs.saw(hits[place]!.index, one.header.hash, one.bytes))
      inMemory += 1;
  }
  if (sourceIsWhole) needs.onRead(looked.length, inMemory);
  await scoreInGoes(ready, work);
  giveBack();
  if (lacking.length === 0 || window.deadline.aborted) return;
  const texts = sourceIsWhole ? lacking.map(({ text }) => text) : await fetchTexts(lacking, work);
  const readable = lacking.flatMap(({ place }, at) => (texts[at] ? [{ place, text: texts[at] }] : []));
  const costOf = ({ text }: { readonly text: string }) => passagesLikely(text, needs.model.splitting);
  for (let at = 0; at < readable.length && !window.deadline.aborted; ) {
    const size = within(READ_AT_A_TIME, readable.slice(at, at + READ_AT_A_TIME), costOf);
    await scoreInGoes(await encodeOnSight(readable.slice(at, at + size), work), work);
    at += size;
  }
}

function passagesLikely(text: string, { tokens, most }: Splitting): number {
  return Math.min(most, Math.ceil(text.length / (CHARACTERS_PER_TOKEN * tokens)));
}

/** How many of the first `items` cost no more than `limit` together, one at least. */
function within<T>(limit: number, items: readonly T[], costOf: (item: T) => number): number {
  let sum = 0;
  const over = items.findIndex((item) => {
    sum += costOf(item);
    return sum > limit;
  });
  return over === -1 ? items.length : Math.max(1, over);
}

/** In goes that the time allows; the first fault ends it, and what was scored before stays. */
async function scoreInGoes(ready: readonly Ready[], work: Work): Promise<void> {
  const { window, clock, needs, encoded, scores } = work;
  const { model, load } = needs;
  let left = ready.reduce((sum, one) => sum + passagesOf(one), 0);
  for (let at = 0; at < ready.length; ) {
    const affordable = load.pace.next(left, window.deadlineAtMs - performance.now());
    const size = within(affordable, ready.slice(at), passagesOf);
    const go = ready.slice(at, at + size);
    const passages = go.reduce((sum, one) => sum + passagesOf(one), 0);
    const startedMs = performance.now();
    const documents = go.map(({ bytes }) => bytes);
    const scored = await clock.time('score', () =>
      model.score(encoded, documents, { priority: 'search', signal: window.deadline }),
    );
    load.pace.took(passages, performance.now() - startedMs);
    go.forEach((one, index) => {
      scores[one.place] = scored.scores[index];
      work.read[one.place] = readOf(one, passagesOf(one) === 1 ? 0 : scored.passages[index]!);
    });
    at += size;
    left -= passages;
  }
}

function passagesOf({ header }: Ready): number {
  return header?.passages ?? 1;
}

function readOf({ bytes, header }: Ready, best: number): CandidateRead | undefined {
  if (!header) return undefined;
  const { passages, truncated } = header;
  return { passages, best: best + 1, place: viewPassages(bytes, header)[best]?.place, truncated };
}

async function fetchTexts(
  lacking: readonly { readonly place: number }[],
  { window, clock, needs }: Work,
): Promise<readonly (string | undefined)[]> {
  const hits = lacking.map(({ place }) => window.hits[place]!);
  const sources = await clock.time('states', () => needs.fetchSources(hits));
  return sources.map((source, at) => selectText(source, needs.selectionOf(hits[at]!.index)));
}

/** Encodes documents on sight, or takes them from memory. */
async function encodeOnSight(
  go: readonly { readonly place: number; readonly text: string }[],
  { window, clock, needs }: Work,
): Promise<readonly Ready[]> {
  const texts = go.map(({ text }) => text);
  const encoded = await clock.time('states', () => needs.live.of(texts, window.deadline));
  const ready = go.flatMap(({ place }, at) => {
    const bytes = encoded[at];
    if (!bytes) return [];
    const reading = readHeader(bytes);
    return [{ place, bytes, header: reading.kind === 'ok' ? reading.header : undefined }];
  });
  needs.onEncoded?.(ready.map(({ place }) => window.hits[place]!));
  return ready;
}

function reasonIn(
  scores: readonly (number | undefined)[],
  most: number,
  deadline: AbortSignal,
): DegradeReason | undefined {
  if (!scores.includes(undefined)) return undefined;
  if (deadline.aborted) return 'deadline';
  return most < scores.length ? 'overloaded' : 'no-text';
}

function reasonOf(error: unknown, deadline: AbortSignal): DegradeReason {
  const code = error instanceof MiceError ? error.code : undefined;
  if (code === 'model-overloaded') return 'overloaded';
  if (code === 'upstream-refused' || code === 'upstream-unreachable') return 'no-source';
  return deadline.aborted ? 'deadline' : 'model-failed';
}
