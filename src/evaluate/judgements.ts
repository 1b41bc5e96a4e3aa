/** Relevance judgements (qrels): which documents answer a query, and how well. */
import { MiceError } from '../errors.ts';
import { type Line, readLines } from './lines.ts';

/** Document id → grade. 0 and below: judged not relevant; a document that is absent was not judged. */
export type Grades = ReadonlyMap<string, number>;

/** Query id → its grades. */
export type Judgements = ReadonlyMap<string, Grades>;

interface Judgement {
  readonly query: string;
  readonly document: string;
  readonly grade: number;
}

function invalid(path: string, line: Line, problem: string): MiceError {
  return new MiceError('data-invalid', `${path}, line ${line.number}: ${problem}.`, {
    hint: 'Three columns separated by tabs are expected: query-id, corpus-id, score (a whole number).',
  });
}

function parse(path: string, line: Line): Judgement {
  const [query, document, grade, ...more] = line.text.trimEnd().split('\t');
  if (!query || !document || grade === undefined || more.length > 0) {
    throw invalid(path, line, `${line.text.split('\t').length} columns instead of 3`);
  }
  if (!/^-?\d+$/.test(grade))
    throw invalid(path, line, `the score ${JSON.stringify(grade)} is not a whole number`);
  return { query, document, grade: Number(grade) };
}

const isHeader = (line: Line) => line.number === 1 && /^query-id\tcorpus-id\tscore\s*$/i.test(line.text);

/**
 * Reads a BEIR judgement file, plain or gzipped, with or without its header line.
 *
 * @throws MiceError `data-invalid` naming file and line, also when one pair is judged twice and differently
 */
export async function readJudgements(path: string): Promise<Judgements> {
  const judgements = new Map<string, Map<string, number>>();
  for await (const line of readLines(path)) {
    if (isHeader(line)) continue;
    const { query, document, grade } = parse(path, line);
    const grades = judgements.get(query) ?? new Map<string, number>();
    const earlier = grades.get(document);
    if (earlier !== undefined && earlier !== grade) {
      throw invalid(path, line, `document ${document} of query ${query} was judged ${earlier} before`);
    }
    judgements.set(query, grades.set(document, grade));
  }
  return judgements;
}
