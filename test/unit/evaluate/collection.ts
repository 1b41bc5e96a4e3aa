/** A small collection of our own, written to a directory of its own in the forms that are read. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

export const corpusLines = [
  '{"_id": "tides", "title": "Tides", "text": "The moon pulls the sea; twice a day the water rises."}',
  '{"_id": "bread", "title": "", "text": "Yeast makes dough rise."}',
  '{"_id": "bees", "text": "Bees dance to tell where flowers are.", "metadata": {"year": 1927}}',
];
export const queryLines = [
  '{"_id": "q1", "text": "why does the sea rise"}',
  '{"_id": "q2", "text": "how do bees talk"}',
  '{"_id": "q3", "text": "never judged"}',
];
export const judgementLines = ['query-id\tcorpus-id\tscore', 'q1\ttides\t2', 'q1\tbread\t0', 'q2\tbees\t1'];

export interface Files {
  readonly [path: string]: string | Uint8Array;
}

/** Writes `files` into a new directory that the end of the test removes. */
export async function directoryOf(files: Files): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mice-evaluate-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  return directory;
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

/** The collection in BEIR layout, with `changes` laid over it. */
export function beirFiles(changes: Files = {}): Files {
  return {
    'corpus.jsonl': text(corpusLines),
    'queries.jsonl': text(queryLines),
    'qrels/test.tsv': text(judgementLines),
    ...changes,
  };
}

export const gzipped = (lines: readonly string[]) => gzipSync(text(lines));

/** The same collection with a stored first stage, as one JSON value. */
export const storedRun = {
  queries: { q1: 'why does the sea rise', q2: 'how do bees talk', q3: 'never judged' },
  passages: { tides: 'The moon pulls the sea.', bread: 'Yeast makes dough rise.', bees: 'Bees dance.' },
  bm25_top100: { q1: ['bread', 'tides'], q2: ['bees', 'bread'] },
  qrels: { q1: { tides: 3, bread: 0 }, q2: { bees: 1 } },
};

/** Everything that `items` yields. */
export async function gather<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const gathered: Item[] = [];
  for await (const item of items) gathered.push(item);
  return gathered;
}
