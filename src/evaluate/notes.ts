/** What a reader of an evaluation's numbers has to know about them. */
import type { Engine } from '../engine/port.ts';
import { messageOf } from '../errors.ts';
import type { Dataset } from './dataset.ts';
import { type Evaluation, type ModeRun, summarise } from './evaluation.ts';
import type { IndexKind, PreparedIndex } from './indices.ts';

/** @returns sentences; none when nothing is out of the ordinary */
export async function notesOf(
  engine: Engine,
  dataset: Dataset,
  indices: ReadonlyMap<IndexKind, PreparedIndex>,
  { runs, stopped }: Pick<Evaluation, 'runs' | 'stopped'>,
): Promise<readonly string[]> {
  const reused = [...indices.values()].filter((index) => index.reused);
  return [
    ...(dataset.unknownQueries > 0
      ? [`${dataset.unknownQueries} judged queries have no text and were left out.`]
      : []),
    ...(dataset.firstStage === 'stored' ? [storedRunNote(runs)] : []),
    ...reused.map(({ name }) => `${name} was found complete and searched again.`),
    ...[...indices.values()].flatMap(({ name, settled }) => (settled ? [] : [unsettledNote(name)])),
    // A cluster that ended the evaluation early need not answer any more.
    ...(stopped === undefined
      ? await unenrichedNotes(engine, indices.get('enriched'))
      : [stoppedNote(stopped)]),
    ...runs.flatMap(verdictNotes),
  ];
}

const searchesVectors = ({ mode }: ModeRun) =>
  ['vector', 'vector-fast', 'hybrid', 'hybrid+mice'].includes(mode);

function storedRunNote(runs: readonly ModeRun[]): string {
  const note = 'The first stage is the stored run of the data set';
  const names = runs.filter(searchesVectors).map(({ mode }) => mode);
  if (names.length === 0) return `${note}.`;
  const search = names.length === 1 ? 'searches' : 'search';
  return `${note}; ${names.join(', ')} ${search} the vectors of all queries' stored candidates, not the collection they came from.`;
}

const stoppedNote = ({ fault, unmeasured }: NonNullable<Evaluation['stopped']>) =>
  `Ended early, without ${unmeasured.join(', ')}: ${messageOf(fault)}`;

const unsettledNote = (index: string) =>
  `${index} still held its source twice when it was measured; bytes per document are an upper bound.`;

/** A document without our fields can be re-ranked (it is encoded on sight) but not found by its vector. */
async function unenrichedNotes(engine: Engine, index: PreparedIndex | undefined): Promise<readonly string[]> {
  if (index === undefined) return [];
  const query = { bool: { must_not: { exists: { field: 'mice.model' } } } };
  const { hits } = await engine.search(index.name, { size: 10_000, _source: false, query });
  if (hits.length === 0) return [];
  const count = hits.length === 10_000 ? '10,000 or more' : String(hits.length);
  return [`${count} documents have no vector and no states, ${hits[0]!.id} for one.`];
}

function verdictNotes(run: ModeRun): readonly string[] {
  const { verdicts = {}, queries } = summarise(run);
  return Object.entries(verdicts)
    .filter(([verdict]) => verdict !== 'reranked')
    .map(
      ([verdict, count]) =>
        `${run.mode}: ${count} of ${queries} searches were not re-ranked (x-mice: ${verdict}).`,
    );
}
