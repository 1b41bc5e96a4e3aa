/** What a demo searches and asks: the checkout's own documentation, or a directory in BEIR layout. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { openBeir, openBeirCorpus } from '../evaluate/beir.ts';
import { surveyCorpus } from '../evaluate/corpus.ts';
import type { Corpus, CorpusDocument, JudgedQuery } from '../evaluate/dataset.ts';
import { documentationCorpus } from './corpus.ts';
import { gradesOf, questions } from './questions.ts';

export interface DemoData {
  readonly name: string;
  readonly corpus: Corpus;
  /** Empty where a directory brings none. */
  readonly questions: readonly JudgedQuery[];
}

/** Questions asked of a directory that brings more: they are shown one by one. */
const MOST_QUESTIONS = 50;

/**
 * The documentation of the packages under `root`, or the collection in `directory`, with its first questions.
 * @throws MiceError `data-invalid`
 */
export async function openDemoData(root: string, directory: string | undefined): Promise<DemoData> {
  if (directory === undefined) return documentation(root);
  if (!hasQuestions(directory)) {
    return { name: basename(resolve(directory)), corpus: await openBeirCorpus(directory), questions: [] };
  }
  const { name, corpus, queries } = await openBeir(directory);
  return { name, corpus, questions: queries.slice(0, MOST_QUESTIONS) };
}

function hasQuestions(directory: string): boolean {
  return ['queries.jsonl', 'queries.jsonl.gz'].some((file) => existsSync(join(directory, file)));
}

async function documentation(root: string): Promise<DemoData> {
  const passages = documentationCorpus(root);
  async function* read(): AsyncGenerator<CorpusDocument> {
    for (const { id, title, text } of passages) yield { id, title, text };
  }
  return {
    name: 'documentation of the installed packages',
    corpus: await surveyCorpus(read),
    questions: questions.map((question, at) => ({
      id: `q${at + 1}`,
      text: question.query,
      grades: gradesOf(question),
    })),
  };
}
