/** States for the candidates of a window: from the answer itself, or encoded on sight from the document's text. */
import { selectText } from '../ingest/text.ts';
import type { Model } from '../model/model.ts';
import { checkStates } from '../states/check.ts';
import { contentHash } from '../states/hash.ts';
import type { HitPlace } from './hits.ts';
import type { LiveStates } from './live-states.ts';

/** Missing, stale and foreign states are values: the document is encoded on sight. */
export type CandidateStates =
  | { readonly kind: 'fresh' | 'live'; readonly bytes: Uint8Array }
  | { readonly kind: 'none'; readonly reason: 'no-text' | 'deadline' };

export interface StatesNeeds {
  readonly model: Model;
  readonly live: LiveStates;
  readonly textFields: readonly string[];
  /** Whether a hit's `_source` is all of the document. */
  readonly sourceIsWhole: boolean;
  /** Sources by position for hits that do not carry theirs whole. */
  readonly fetchSources: (hits: readonly HitPlace[]) => Promise<readonly unknown[]>;
  /** Fires at the deadline, or when the caller leaves. */
  readonly signal: AbortSignal;
}

/** One entry a hit, in order. */
export async function loadStates(
  answer: Buffer,
  hits: readonly HitPlace[],
  needs: StatesNeeds,
): Promise<readonly CandidateStates[]> {
  const texts = hits.map((hit) =>
    needs.sourceIsWhole ? textInHit(answer, hit, needs.textFields) : undefined,
  );
  const found: (CandidateStates | undefined)[] = hits.map((hit, at) =>
    stored(answer, hit, texts[at], needs.model),
  );
  const lacking = hits.flatMap((_, at) => (found[at] ? [] : [at]));
  if (lacking.length === 0) return found as CandidateStates[];
  if (!needs.sourceIsWhole) {
    const sources = await needs.fetchSources(lacking.map((at) => hits[at]!));
    lacking.forEach((at, place) => {
      texts[at] = selectText(sources[place], needs.textFields);
    });
  }
  const readable = lacking.filter((at) => texts[at]);
  const encoded = await needs.live.of(
    readable.map((at) => texts[at]!),
    needs.signal,
  );
  readable.forEach((at, place) => {
    const bytes = encoded[place];
    found[at] = bytes ? { kind: 'live', bytes } : { kind: 'none', reason: 'deadline' };
  });
  return found.map((states) => states ?? { kind: 'none', reason: 'no-text' });
}

/** The stored states, when they are of this bundle and, where the text is at hand, of this very text. */
function stored(
  answer: Buffer,
  hit: HitPlace,
  text: string | undefined,
  model: Model,
): CandidateStates | undefined {
  if (hit.states === undefined) return undefined;
  const bytes = Buffer.from(answer.toString('latin1', hit.states.start, hit.states.end), 'base64');
  const check = checkStates(bytes, { bundleId: model.bundle.id });
  if (check.kind !== 'ok') return undefined;
  return text && check.header.hash !== contentHash(text) ? undefined : { kind: 'fresh', bytes };
}

function textInHit(answer: Buffer, { source }: HitPlace, fields: readonly string[]): string | undefined {
  return source && selectText(JSON.parse(answer.toString('utf8', source.start, source.end)), fields);
}
