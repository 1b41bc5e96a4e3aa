import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { options } from '../../src/config/options.ts';
import type { Dataset } from '../../src/evaluate/dataset.ts';
import { type Evaluation, evaluationJson, type ModeSummary } from '../../src/evaluate/evaluation.ts';
import { indexName } from '../../src/evaluate/indices.ts';
import { mean, ndcg } from '../../src/evaluate/metrics.ts';
import { type ModeName, modeNames } from '../../src/evaluate/modes.ts';
import { openDataset } from '../../src/evaluate/open-dataset.ts';
import { type EvaluateOptions, evaluate } from '../../src/evaluate/runs.ts';
import { readTexts } from '../../src/evaluate/texts.ts';
import { contentHash } from '../../src/states/hash.ts';
import { describeOnEngines, sharedEngine } from '../support/engines.ts';
import { passages } from '../support/passages.ts';
import { type ProxyUnderTest, proxyBefore } from '../support/proxy.ts';
import { copyTinyBundle, tinyBundle, withoutOptionalGraphs } from '../support/tiny-bundle.ts';
import { directoryOf } from '../unit/evaluate/collection.ts';

/** Read where it lies beside the checkout; its licence forbids a copy in the repository. */
const sharedRun = join(import.meta.dirname, '../../../shared/data/dev/trec-dl-2021-bm25-top100.json.gz');

const lines = (values: readonly object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** Every query has words of one passage only, so that BM25 can find just that one. */
async function smallCollection(): Promise<Dataset> {
  return openDataset(
    await directoryOf({
      'corpus.jsonl': lines(passages.map(({ id, ...rest }) => ({ _id: id, ...rest }))),
      'queries.jsonl': lines([
        { _id: 'found', text: 'electric potential' },
        { _id: 'missed', text: 'flour ferments' },
        { _id: 'half', text: 'hunt at dusk' },
      ]),
      'qrels/test.tsv': 'found\tvolt\t1\nmissed\tmove\t1\nhalf\tcats\t1\nhalf\tvolt\t1\n',
    }),
  );
}

const storedOrder = ['cats', 'melt', 'volt', 'word', 'move', 'bake'];

async function smallRun(): Promise<Dataset> {
  const directory = await directoryOf({
    'run.json': JSON.stringify({
      queries: { q1: 'how do glaciers move' },
      passages: Object.fromEntries(passages.map(({ id, text }) => [id, text])),
      bm25_top100: { q1: storedOrder },
      // No two orders of these grades have the same nDCG.
      qrels: { q1: { move: 3, melt: 2, word: 1 } },
    }),
  });
  return openDataset(join(directory, 'run.json'));
}

const silent = () => ({ advance() {}, stop() {} });

type Choice = Pick<EvaluateOptions, 'dataset'> & Partial<EvaluateOptions>;

const run = ({ engine, url }: ProxyUnderTest, choice: Choice) =>
  evaluate({
    engine,
    proxyUrl: url,
    bundle: 'default',
    textFields: options.textFields.default,
    startProgress: silent,
    settleMs: 0,
    ...choice,
  });

/** A mode's figures as they are written. */
const summaryOf = (evaluation: Evaluation, mode: ModeName) =>
  (evaluationJson(evaluation)['modes'] as Readonly<Record<ModeName, ModeSummary>>)[mode];

describeOnEngines('an evaluation', (engineUnderTest) => {
  const proxy = proxyBefore(engineUnderTest);
  const plainIndexes = (dataset: Dataset) =>
    (['english', 'standard'] as const).map((analyzer) =>
      indexName({ dataset, kind: 'plain', analyzer, bundle: 'default' }),
    );
  const exist = (names: readonly string[]) =>
    Promise.all(names.map((name) => proxy.engine.indexExists(name)));

  test('asks the engine, its vectors and the proxy, and agrees with the arithmetic', async () => {
    const evaluation = await run(proxy, {
      dataset: await smallCollection(),
      modes: ['bm25', 'vector', 'mice'],
    });
    // nDCG 1, 0 and 1 / (1 + 1/log2(3)) = 0.61315; reciprocal ranks 1, 0, 1; recall 1, 0, 1/2.
    const expected = { 'ndcg@10': 0.53772, 'mrr@10': 0.66667, 'recall@100': 0.5, queries: 3 };
    expect(summaryOf(evaluation, 'bm25')).toMatchObject(expected);
    expect(summaryOf(evaluation, 'mice')).toMatchObject({ ...expected, verdicts: { reranked: 3 } });
    // Six neighbours were asked for among six documents.
    expect(summaryOf(evaluation, 'vector')).toMatchObject({ 'recall@100': 1, queries: 3 });
    expect(evaluationJson(evaluation)).toMatchObject({
      engine: { name: engineUnderTest.name, version: engineUnderTest.version },
      perQuery: { bm25: { found: 1, missed: 0, half: 0.61315 } },
    });
  });

  test('measures what vectors and states add to the size of an index', async () => {
    const evaluation = await run(proxy, { dataset: await smallCollection(), modes: ['bm25', 'mice'] });
    const [plain, enriched] = evaluation.runs.map(({ bytesPerDocument }) => bytesPerDocument);
    expect(plain).toBeGreaterThan(0);
    expect(enriched).toBeGreaterThan(plain! + 1000);
  });

  test('finds candidates in exactly the stored order, and has them re-ranked by the words of the query', async () => {
    const dataset = await smallRun();
    const evaluation = await run(proxy, { dataset, modes: ['bm25', 'mice'] });
    const { 'ndcg@10': stored } = summaryOf(evaluation, 'bm25');
    expect(stored).toBeCloseTo(ndcg(storedOrder, dataset.queries[0]!.grades, 10), 4);
    expect(summaryOf(evaluation, 'mice')).toMatchObject({ 'recall@100': 1, verdicts: { reranked: 1 } });
  });

  test('removes its indices, or keeps them and searches them again', async () => {
    const dataset = await smallCollection();
    const names = plainIndexes(dataset);
    await run(proxy, { dataset, modes: ['bm25'] });
    expect(await exist(names)).toEqual([false, false]);
    await run(proxy, { dataset, modes: ['bm25'], keep: true });
    expect((await exist(names)).filter(Boolean)).toHaveLength(1);
    const again = await run(proxy, { dataset, modes: ['bm25'], keep: true });
    expect(again.notes).toEqual([expect.stringMatching(/was found complete and searched again/)]);
    await run(proxy, { dataset, modes: ['bm25'] });
    expect(await exist(names)).toEqual([false, false]);
  });

  test('leaves no index behind when it is interrupted while loading', async () => {
    const dataset = await smallCollection();
    const signal = AbortSignal.abort(new Error('interrupted'));
    await expect(run(proxy, { dataset, modes: ['bm25'], signal })).rejects.toThrow('interrupted');
    expect(await exist(plainIndexes(dataset))).toEqual([false, false]);
  });

  test('keeps the modes it had measured when it is interrupted, and leaves no index behind', async () => {
    const dataset = await smallCollection();
    const leaving = new AbortController();
    const startProgress = (label: string) => {
      if (label.includes('(mice)')) leaving.abort(new Error('interrupted'));
      return silent();
    };
    const choice = { dataset, modes: ['bm25', 'vector', 'mice'] as const, startProgress };
    const evaluation = await run(proxy, { ...choice, signal: leaving.signal });
    expect(evaluation.runs.map(({ mode }) => mode)).toEqual(['bm25', 'vector']);
    expect(evaluation.stopped).toMatchObject({ fault: leaving.signal.reason, unmeasured: ['mice'] });
    expect(evaluation.notes).toContain('Ended early, without mice: interrupted');
    expect(evaluationJson(evaluation)).toMatchObject({
      unmeasured: ['mice'],
      perQuery: { bm25: { found: 1 } },
    });
    expect(await exist(plainIndexes(dataset))).toEqual([false, false]);
  });

  test('says that a proxy is needed where none is', async () => {
    const { url } = proxy.engine.address;
    const alone = run(proxy, { dataset: await smallCollection(), modes: ['mice'], proxyUrl: url });
    await expect(alone).rejects.toMatchObject({
      code: 'proxy-refused',
      hint: expect.stringContaining('mice proxy'),
    });
  });

  test.skipIf(!existsSync(sharedRun))(
    'gives the known nDCG@10 of the TREC 2021 run (skipped where the collection is absent)',
    async () => {
      const dataset = await openDataset(sharedRun);
      const evaluation = await run(proxy, { dataset, modes: ['bm25'] });
      const stored = dataset.queries.map(({ candidates, grades }) => ndcg(candidates!, grades, 10));
      expect(summaryOf(evaluation, 'bm25')['ndcg@10']).toBeCloseTo(mean(stored), 5);
      expect(mean(stored)).toBeCloseTo(0.4458, 4);
    },
  );
});

describeOnEngines('an evaluation of a bundle with every graph', (engineUnderTest) => {
  const proxy = proxyBefore(engineUnderTest, { modelBundle: tinyBundle });
  const bundle = 'tiny';

  test('measures every mode', async () => {
    const evaluation = await run(proxy, { bundle, dataset: await smallCollection() });
    expect(evaluation.runs.map(({ mode }) => mode)).toEqual(modeNames);
    // Each query's words are in one passage; the vectors' 100 neighbours are all six.
    const recalls = evaluation.runs.map(({ mode }) => summaryOf(evaluation, mode)['recall@100']);
    expect(recalls).toEqual([0.5, 1, 1, 1, 0.5, 1, 0.5]);
    for (const mode of ['mice', 'hybrid+mice'] as const) {
      expect(summaryOf(evaluation, mode)).toMatchObject({ verdicts: { reranked: 3 } });
    }
    expect(evaluation.comparisons).toHaveLength(21);
    expect(evaluation.notes).toEqual([expect.stringContaining('upper bound')]);
  });

  test('measures every mode on a stored run, whose candidates the cross-encoder gets', async () => {
    const evaluation = await run(proxy, { bundle, dataset: await smallRun() });
    expect(evaluation.runs).toHaveLength(modeNames.length);
    expect(summaryOf(evaluation, 'cross-encoder')).toMatchObject({ queries: 1, 'recall@100': 1 });
    expect(evaluation.notes[0]).toMatch(/stored run.*vector, vector-fast, hybrid, hybrid\+mice search/);
  });

  test('gives the cross-encoder the texts that ingest has read', async () => {
    const dataset = await smallCollection();
    const evaluation = await run(proxy, { bundle, dataset, modes: ['vector'], keep: true });
    const { analyzer } = evaluation.bm25;
    const index = indexName({ dataset, kind: 'enriched', analyzer, bundle });
    for (const [id, text] of await readTexts(dataset.corpus, options.textFields.default)) {
      const query = { term: { 'mice.hash': contentHash(text) } };
      expect((await proxy.engine.search(index, { query })).hits.map((hit) => hit.id)).toEqual([id]);
    }
    await proxy.engine.deleteIndex(index);
  });
});

/** More than one bulk request of documents that BM25 scores alike: which come first depends on where they lie. */
async function tiedCollection(): Promise<Dataset> {
  const ids = Array.from({ length: 450 }, (_, at) => `d${at}`);
  const judged = ids.filter((_, at) => at % 150 === 3);
  return openDataset(
    await directoryOf({
      'corpus.jsonl': lines(ids.map((id) => ({ _id: id, title: '', text: `flour ferments ${id}` }))),
      'queries.jsonl': lines(judged.map((id) => ({ _id: id, text: `flour ferments near ${id}x` }))),
      'qrels/test.tsv': judged.map((id) => `${id}\t${id}\t1\n`).join(''),
    }),
  );
}

/** The same, with something done after its first 200 documents were sent. */
function interruptedBy(dataset: Dataset, work: () => Promise<unknown>): Dataset {
  const { corpus } = dataset;
  async function* read() {
    let sent = 0;
    for await (const document of corpus.read()) {
      if (sent++ === 200) await work();
      yield document;
    }
  }
  return { ...dataset, corpus: { ...corpus, read } };
}

describeOnEngines('an evaluation that is repeated', (engineUnderTest) => {
  const proxy = proxyBefore(engineUnderTest, { modelBundle: tinyBundle });
  const choice = { bundle: 'tiny', modes: ['bm25', 'hybrid', 'mice'] } as const;
  /** Every figure but the times. */
  const figures = ({ runs }: Evaluation) =>
    runs.map(({ mode, rows }) => [
      mode,
      rows.map(({ latencyMs: _latencyMs, verdict: _verdict, ...row }) => row),
    ]);

  test('has the same figures whenever the engine makes written documents searchable', async () => {
    const dataset = await tiedCollection();
    const first = await run(proxy, { ...choice, dataset });
    const { analyzer } = first.bm25;
    const refresh = async () => {
      for (const kind of ['plain', 'enriched'] as const) {
        const index = indexName({ dataset, kind, analyzer, bundle: 'tiny' });
        if (await proxy.engine.indexExists(index)) await proxy.engine.refresh(index);
      }
    };
    const again = await run(proxy, { ...choice, dataset: interruptedBy(dataset, refresh) });
    expect(figures(again)).toEqual(figures(first));
    // The order of equal scores shows: some of the documents asked for are among the first 100, some are not.
    expect(new Set(first.runs[0]!.rows.map((row) => row['recall@100'])).size).toBeGreaterThan(1);
  });
});

describe('an evaluation of a bundle without optional graphs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mice-bundle-'));
  const modelBundle = join(directory, 'small');
  beforeAll(() => copyTinyBundle(modelBundle, withoutOptionalGraphs));
  afterAll(() => rmSync(directory, { recursive: true }));
  const proxy = proxyBefore(sharedEngine('opensearch'), { modelBundle });

  test('measures the modes it serves, unless others are named, which are refused before anything is made', async () => {
    const dataset = await smallCollection();
    const evaluation = await run(proxy, { bundle: 'small', dataset });
    expect(evaluation.runs.map(({ mode }) => mode)).toEqual([
      'bm25',
      'vector',
      'hybrid',
      'mice',
      'hybrid+mice',
    ]);
    const startProgress = () => {
      throw new Error('something was indexed');
    };
    const refused = run(proxy, { bundle: 'small', dataset, modes: ['bm25', 'cross-encoder'], startProgress });
    await expect(refused).rejects.toMatchObject({
      code: 'bad-option',
      hint: 'Modes this bundle serves: bm25, vector, hybrid, mice, hybrid+mice.',
    });
  });
});

describe('an index with states', () => {
  const engineUnderTest = sharedEngine('opensearch');
  const proxy = proxyBefore(engineUnderTest);

  test('is measured without the second copy of its source once the node has let go of it', async () => {
    const choice = { dataset: await smallCollection(), modes: ['mice'] } as const;
    const hurried = await run(proxy, choice);
    expect(hurried.notes).toContainEqual(expect.stringContaining('upper bound'));
    const settled = await run(proxy, { ...choice, settleMs: 60_000 });
    expect(settled.notes).toEqual([]);
    expect(settled.runs[0]!.bytesPerDocument).toBeLessThan(hurried.runs[0]!.bytesPerDocument - 1000);
  });
});
