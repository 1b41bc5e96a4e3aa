/** Reads the form of the TREC Deep Learning file: judgements together with a stored first stage of 100 passages. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { MiceError, messageOf } from '../errors.ts';
import { surveyCorpus } from './corpus.ts';
import { type CorpusDocument, type Dataset, type JudgedQuery, judgedQueries } from './dataset.ts';

const shape = z.object({
  queries: z.record(z.string(), z.string()),
  passages: z.record(z.string(), z.string()),
  bm25_top100: z.record(z.string(), z.array(z.string()).max(100)),
  qrels: z.record(z.string(), z.record(z.string(), z.int())),
});

type StoredRun = z.infer<typeof shape>;

const hint =
  'Expected: {"queries": {id: text}, "passages": {id: text}, "bm25_top100": {query id: [passage id, best first]}, ' +
  '"qrels": {query id: {passage id: grade}}}, plain or gzipped.';

async function parseFile(path: string): Promise<StoredRun> {
  let value: unknown;
  try {
    const bytes = await readFile(path);
    value = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
  } catch (cause) {
    throw new MiceError('data-invalid', `${path} is not JSON: ${messageOf(cause)}`, { hint, cause });
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new MiceError(
    'data-invalid',
    `${path}, at ${issue?.path.join('.') || 'the top'}: ${issue?.message}.`,
    { hint },
  );
}

/** The query with its candidates, which must be passages of the file and differ from each other. */
function withCandidates(path: string, { passages, bm25_top100 }: StoredRun, query: JudgedQuery): JudgedQuery {
  const candidates = bm25_top100[query.id];
  const where = `${path}, at bm25_top100.${query.id}`;
  if (candidates === undefined) throw new MiceError('data-invalid', `${where}: no such list.`, { hint });
  const stranger = candidates.find((id) => !Object.hasOwn(passages, id));
  if (stranger !== undefined)
    throw new MiceError('data-invalid', `${where}: ${stranger} is no passage.`, { hint });
  if (new Set(candidates).size < candidates.length) {
    throw new MiceError('data-invalid', `${where}: a passage is listed twice.`, { hint });
  }
  return { ...query, candidates };
}

async function* readPassages(passages: StoredRun['passages']): AsyncGenerator<CorpusDocument> {
  for (const [id, text] of Object.entries(passages)) yield { id, title: '', text };
}

/**
 * Opens a .json or .json.gz file with the keys queries, passages, bm25_top100 and qrels.
 *
 * @throws MiceError `data-invalid` naming file, key and what is expected
 */
export async function openStoredRun(path: string): Promise<Dataset> {
  const stored = await parseFile(path);
  const texts = new Map(Object.entries(stored.queries));
  const judgements = new Map(
    Object.entries(stored.qrels).map(([id, grades]) => [id, new Map(Object.entries(grades))]),
  );
  const { queries, unknownQueries } = judgedQueries(texts, judgements);
  return {
    name: basename(path).replace(/\.json(\.gz)?$/, ''),
    firstStage: 'stored',
    corpus: await surveyCorpus(() => readPassages(stored.passages)),
    queries: queries.map((query) => withCandidates(path, stored, query)),
    unknownQueries,
  };
}
