/**
 * What comes before and after scoring, in a process whose garbage is its own: started with a bundle's directory, a number
 * of candidates and of tokens, it tells its parent, as often as asked, what one answer of a cluster takes.
 */
import { plainSelection } from '../ingest/text.ts';
import { openBundle } from '../model/bundle.ts';
import { findHits } from '../proxy/hits.ts';
import { findStates, openSlab, textIn } from '../proxy/load-states.ts';
import { splice } from '../proxy/splice.ts';
import { windowOf } from './clients.ts';
import { takeTurn } from './contest.ts';
import { openStubWindow } from './stub-window.ts';

const ANSWERS = 20;
const PAGE = 10;
const TEXT = plainSelection(['text']);

const [directory, candidates, documentTokens] = process.argv.slice(2);
const bundle = await openBundle(directory!);
const window = windowOf({ bundle, candidates: Number(candidates), documentTokens: Number(documentTokens) });
const answer = openStubWindow(window)('/?docvalue_fields=mice.states');

process.on('message', async () => {
  const run = () => {
    for (let turn = 0; turn < ANSWERS; turn++) passAnswer();
  };
  process.send!(await takeTurn({ run, times: 1 / ANSWERS }));
});
process.stdout.write('{}\n');

/** From the bytes of a cluster's answer to states for the model, and the page cut out of them. */
function passAnswer(): void {
  const places = findHits(answer, 'mice.states');
  const lying = places.hits.map(({ states: at }) => ({ states: at && { answer, at }, isOwn: true }));
  const { decode, giveBack } = openSlab(lying);
  for (const [at, hit] of places.hits.entries())
    findStates(textIn(answer, hit, TEXT), lying[at]!, { bundleId: bundle.id }, decode);
  const last = places.hits.length - 1;
  const hits = Array.from({ length: PAGE }, (_, at) => ({ place: last - at, score: 1 }));
  splice(answer, places, { hits, maxScore: 1 });
  giveBack();
}
