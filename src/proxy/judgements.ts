/** Judgements by question, for nDCG of shadow searches. */
import { readFileSync } from 'node:fs';
import { MiceError, messageOf } from '../errors.ts';
import type { Grades } from './rank-changes.ts';

export type JudgementsOf = (question: string) => Grades | undefined;

/**
 * Reads lines of question, document id and grade, separated by tabs.
 * @throws MiceError `data-invalid` naming the line
 */
export function readJudgements(path: string): JudgementsOf {
  const byQuestion = new Map<string, Map<string, number>>();
  for (const [at, line] of textOf(path).split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [question, id, grade, ...rest] = line.split('\t');
    if (question === undefined || !id || !grade || rest.length > 0 || !Number.isFinite(Number(grade)))
      throw new MiceError('data-invalid', `Line ${at + 1} of ${path} is no judgement.`, {
        hint: 'A line holds a question, a document id and a grade, separated by tabs.',
      });
    const grades = byQuestion.get(keyOf(question)) ?? new Map<string, number>();
    byQuestion.set(keyOf(question), grades.set(id, Number(grade)));
  }
  return (question) => byQuestion.get(keyOf(question));
}

const keyOf = (question: string) => question.replace(/\s+/g, ' ').trim().toLowerCase();

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MiceError('data-invalid', `The judgements ${path} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
}
