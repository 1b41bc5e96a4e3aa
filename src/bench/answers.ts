/**
 * What comes before and after scoring, in a process whose garbage is its own: started with a bundle's directory, a number
 * of candidates and of tokens, it tells its parent what one answer of a cluster takes, its states where the
 * {@link AnswerWork} that is asked for says.
 */
import { plainSelection } from '../ingest/text.ts';
import { openBundle } from '../model/bundle.ts';
import { findHits, type HitPlace } from '../proxy/hits.ts';
import { findStates, type HitText, type Lying, openSlab, textIn } from '../proxy/load-states.ts';
import { openSeenStates } from '../proxy/seen-states.ts';
import { splice } from '../proxy/splice.ts';
import { openMemoryCache } from '../states/cache.ts';
import { windowOf } from './clients.ts';
import { repeated, takeTurn } from './contest.ts';
import { openStubWindow } from './stub-window.ts';

/** In the answer, or in memory since earlier searches. */
export type AnswerWork = 'in the answer' | 'in memory';

const ANSWERS = 20;
const PAGE = 10;
const TEXT = plainSelection(['text']);
const FIELD = 'mice.states';
const MEMORY_BYTES = 1 << 26;

const [directory, candidates, documentTokens] = process.argv.slice(2);
const bundle = await openBundle(directory!);
const window = windowOf({ bundle, candidates: Number(candidates), documentTokens: Number(documentTokens) });
const ask = openStubWindow(window);
const withStates = ask(`/?docvalue_fields=${FIELD}`);
const withoutStates = ask('/');
const seen = openSeenStates(openMemoryCache(MEMORY_BYTES));

const inAnswer = ({ states: at }: HitPlace): Lying => ({
  states: at && { answer: withStates, at },
  isOwn: true,
});
const inMemory = ({ index }: HitPlace, { hash }: HitText): Lying => ({
  states: seen.get(index, hash),
  isOwn: true,
});

const work: Readonly<Record<AnswerWork, () => void>> = {
  'in the answer': () => passAnswer(withStates, inAnswer),
  'in memory': () => passAnswer(withoutStates, inMemory),
};

// Memory takes what it sees for the second time.
for (const _search of ['first', 'second'])
  passAnswer(withStates, inAnswer, (hit, { hash }, states) => seen.saw(hit.index, hash, states));

process.on('message', async (what: AnswerWork) =>
  process.send!(await takeTurn(repeated(ANSWERS, work[what]))),
);
process.stdout.write('{}\n');

/** From the bytes of a cluster's answer to states for the model, and the page cut out of them. */
function passAnswer(
  answer: Buffer,
  locate: (hit: HitPlace, text: HitText) => Lying,
  onStates: (hit: HitPlace, text: HitText, states: Uint8Array) => void = () => {},
): void {
  const places = findHits(answer, FIELD);
  const texts = places.hits.map((hit) => textIn(answer, hit, TEXT)!);
  const lying = places.hits.map((hit, at) => locate(hit, texts[at]!));
  const { decode, giveBack } = openSlab(lying);
  for (const [at, hit] of places.hits.entries()) {
    const found = findStates(texts[at], lying[at]!, { bundleId: bundle.id }, decode);
    if (found.kind !== 'fresh') throw new Error(`states of hit ${at} are ${found.kind}`);
    onStates(hit, texts[at]!, found.bytes);
  }
  const last = places.hits.length - 1;
  const hits = Array.from({ length: PAGE }, (_, at) => ({ place: last - at, score: 1 }));
  splice(answer, places, { hits, maxScore: 1 });
  giveBack();
}
