/**
 * What reads stored bytes, in a process whose garbage is its own: started with a bundle's directory and the numbers of
 * candidates, of their tokens and of a query's, it takes a turn of the {@link WindowWork} that its parent asks for.
 */

import { storedInputs } from '../model/interaction.ts';
import { readStates } from '../model/read-states.ts';
import { openModel } from '../model/runtime.ts';
import { type Contestant, repeated, takeTurn } from './contest.ts';
import { maxSim } from './graphs/limits.ts';
import { randomFloats } from './graphs/random-values.ts';
import { openSessions } from './sessions.ts';
import { numbered, randomDocuments, randomQuery } from './stored-documents.ts';

/**
 * Scoring the window, one after the other or on all cores at a time, and ten times as many; reading its bytes alone;
 * MaxSim over them.
 */
export type WindowWork = 'score' | 'score on all cores' | 'score many' | 'read' | 'maxSim';

const WINDOWS = 8;
const MANY = 10;
/** Documents that are read from their bytes at once, as a model thread does it. */
const READ_AT_ONCE = 50;

const [directory, candidates, documentTokens, queryTokens] = process.argv.slice(2);
const model = await openModel(directory!, { threads: 1 });
const onAllCores = await openModel(directory!);
const { bundle } = model;
const documents = randomDocuments(bundle, numbered(Number(candidates)), Number(documentTokens));
const many = Array.from({ length: MANY }, () => documents).flat();
const query = randomQuery(bundle, Number(queryTokens));
const sessions = await openSessions();
const similarity = await sessions.write(maxSim(bundle.dims.states));
const asked = {
  data: randomFloats(query.tokens * bundle.dims.states),
  dims: [query.tokens, bundle.dims.states],
};

const work: Readonly<Record<WindowWork, Contestant>> = {
  score: repeated(WINDOWS, () => model.score(query, documents)),
  'score on all cores': {
    run: () => Promise.all(Array.from({ length: WINDOWS }, () => onAllCores.score(query, documents))),
    times: 1 / WINDOWS,
  },
  'score many': { run: () => model.score(query, many) },
  read: repeated(WINDOWS, () => read(() => undefined)),
  maxSim: repeated(WINDOWS, () =>
    read(({ document_states, document_scales }) =>
      similarity.run({ query_states: asked, document_states, document_scales }),
    ),
  ),
};

process.on('message', async (what: WindowWork) => process.send!(await takeTurn(work[what])));
process.once('SIGTERM', async () => {
  await sessions.close();
  await model.close();
  await onAllCores.close();
  process.disconnect();
});
process.stdout.write('{}\n');

/** Checked, decoded and laid out as a model thread does it. */
async function read(
  use: (inputs: ReturnType<typeof storedInputs>) => Promise<unknown> | undefined,
): Promise<void> {
  for (let at = 0; at < documents.length; at += READ_AT_ONCE) {
    const views = documents.slice(at, at + READ_AT_ONCE).flatMap((bytes) => readStates(bytes, bundle));
    await use(storedInputs(views, bundle.dims.states));
  }
}
