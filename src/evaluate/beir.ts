/** Reads a directory in BEIR layout: corpus.jsonl, queries.jsonl, qrels/*.tsv, each plain or gzipped. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { MiceError } from '../errors.ts';
import { surveyCorpus } from './corpus.ts';
import { type Corpus, type CorpusDocument, type Dataset, judgedQueries } from './dataset.ts';
import { readJudgements } from './judgements.ts';
import { type Line, readLines } from './lines.ts';

const documentLine = z.object({ _id: z.string().min(1), title: z.string().nullish(), text: z.string() });
const queryLine = z.object({ _id: z.string().min(1), text: z.string() });

const documentHint = 'Every line is expected to be {"_id": string, "title"?: string, "text": string}.';
const queryHint = 'Every line is expected to be {"_id": string, "text": string}.';

function parse<Shape>(shape: z.ZodType<Shape>, hint: string, path: string, line: Line): Shape {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw new MiceError('data-invalid', `${path}, line ${line.number}: not JSON.`, { hint, cause });
  }
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new MiceError('data-invalid', `${path}, line ${line.number}: ${where} ${issue?.message}.`, { hint });
}

function refuseRepeated(seen: Set<string>, id: string, path: string, line: Line): void {
  if (seen.has(id)) {
    const hint = 'Every _id is expected once.';
    throw new MiceError('data-invalid', `${path}, line ${line.number}: _id ${id} appeared before.`, { hint });
  }
  seen.add(id);
}

async function* readCorpus(path: string): AsyncGenerator<CorpusDocument> {
  const seen = new Set<string>();
  for await (const line of readLines(path)) {
    const { _id, title, text } = parse(documentLine, documentHint, path, line);
    refuseRepeated(seen, _id, path, line);
    yield { id: _id, title: title ?? '', text };
  }
}

async function readQueries(path: string): Promise<ReadonlyMap<string, string>> {
  const seen = new Set<string>();
  const texts = new Map<string, string>();
  for await (const line of readLines(path)) {
    const { _id, text } = parse(queryLine, queryHint, path, line);
    refuseRepeated(seen, _id, path, line);
    texts.set(_id, text);
  }
  return texts;
}

function plainOrGzipped(directory: string, name: string): string {
  const found = [name, `${name}.gz`].map((file) => join(directory, file)).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new MiceError('data-invalid', `${directory} has neither ${name} nor ${name}.gz.`, {
    hint: 'A BEIR directory has corpus.jsonl, queries.jsonl and qrels/test.tsv, each plain or .gz.',
  });
}

/** `qrels/test.tsv`, or the only judgement file there is. */
async function findJudgements(directory: string): Promise<string> {
  const folder = join(directory, 'qrels');
  const files = (await readdir(folder).catch(() => [])).filter((name) => /\.tsv(\.gz)?$/.test(name));
  const test = files.find((name) => name === 'test.tsv' || name === 'test.tsv.gz');
  const chosen = test ?? (files.length === 1 ? files[0] : undefined);
  if (chosen !== undefined) return join(folder, chosen);
  const found = files.length === 0 ? 'no .tsv file' : files.sort().join(', ');
  throw new MiceError('data-invalid', `${folder} has ${found}.`, {
    hint: 'test.tsv (or test.tsv.gz) is expected there, or exactly one .tsv file of another name.',
  });
}

/** The corpus of a BEIR directory by itself. @throws MiceError `data-invalid` */
export async function openBeirCorpus(directory: string): Promise<Corpus> {
  const path = plainOrGzipped(directory, 'corpus.jsonl');
  return surveyCorpus(() => readCorpus(path));
}

/**
 * Opens a BEIR directory; the corpus is checked whole now and streamed again when it is read.
 *
 * @throws MiceError `data-invalid` naming file, line and what is expected
 */
export async function openBeir(directory: string): Promise<Dataset> {
  const [corpusPath, queriesPath] = ['corpus.jsonl', 'queries.jsonl'].map((name) =>
    plainOrGzipped(directory, name),
  );
  const judgementsPath = await findJudgements(directory);
  const judged = judgedQueries(await readQueries(queriesPath!), await readJudgements(judgementsPath));
  if (judged.queries.length === 0) {
    throw new MiceError('data-invalid', `${judgementsPath} judges no query of ${queriesPath}.`, {
      hint: 'The first column of the judgements is expected to hold _id values of the queries.',
    });
  }
  const corpus = await surveyCorpus(() => readCorpus(corpusPath!));
  return { name: basename(resolve(directory)), firstStage: 'search', corpus, ...judged };
}
