import { describe, expect, test } from 'vitest';
import { openBeir } from '../../../src/evaluate/beir.ts';
import {
  beirFiles,
  corpusLines,
  directoryOf,
  type Files,
  gather,
  gzipped,
  judgementLines,
  queryLines,
} from './collection.ts';

const open = async (changes?: Files) => openBeir(await directoryOf(beirFiles(changes)));

describe('a directory in BEIR layout', () => {
  test('gives its documents in order; a missing title is an empty one', async () => {
    const { corpus, firstStage } = await open();
    expect(firstStage).toBe('search');
    expect(corpus.documents).toBe(3);
    const documents = await gather(corpus.read());
    expect(documents.map(({ id }) => id)).toEqual(['tides', 'bread', 'bees']);
    expect(documents[2]).toEqual({ id: 'bees', title: '', text: 'Bees dance to tell where flowers are.' });
  });

  test('gives the queries that were judged, and no others', async () => {
    const { queries, unknownQueries } = await open();
    expect(queries.map(({ id }) => id)).toEqual(['q1', 'q2']);
    expect([...queries[0]!.grades]).toEqual([
      ['tides', 2],
      ['bread', 0],
    ]);
    expect(unknownQueries).toBe(0);
  });

  test('counts judged queries that have no text', async () => {
    const { queries, unknownQueries } = await open({ 'qrels/test.tsv': 'q1\ttides\t1\nq9\ttides\t1\n' });
    expect(queries.map(({ id }) => id)).toEqual(['q1']);
    expect(unknownQueries).toBe(1);
  });

  test('may be gzipped, and is then the same collection', async () => {
    const plain = await open();
    const packed = await openBeir(
      await directoryOf({
        'corpus.jsonl.gz': gzipped(corpusLines),
        'queries.jsonl.gz': gzipped(queryLines),
        'qrels/test.tsv.gz': gzipped(judgementLines),
      }),
    );
    expect(packed.corpus.fingerprint).toBe(plain.corpus.fingerprint);
    expect(packed.queries).toEqual(plain.queries);
  });

  test('has another fingerprint when one text differs', async () => {
    const changed = await open({ 'corpus.jsonl': corpusLines.join('\n').replace('moon', 'sun') });
    expect(changed.corpus.fingerprint).not.toBe((await open()).corpus.fingerprint);
  });

  test('may have one judgement file of any name, and prefers test.tsv among several', async () => {
    const files = beirFiles({ 'qrels/dev.tsv': 'q1\tbread\t1\n' });
    expect((await openBeir(await directoryOf(files))).queries).toHaveLength(2);
    const { 'qrels/test.tsv': _, ...onlyDev } = files;
    expect((await openBeir(await directoryOf(onlyDev))).queries).toHaveLength(1);
  });
});

describe('what is not as expected is named with file and line', () => {
  const badLine = '{"_id": "late", "title": "x"}';
  test.each<[string, Files, string]>([
    [
      'a line that is no JSON',
      { 'corpus.jsonl': `${corpusLines[0]}\n{"_id": ` },
      'corpus.jsonl, line 2: not JSON',
    ],
    ['a document without text', { 'corpus.jsonl': `\n${badLine}` }, 'corpus.jsonl, line 2: text'],
    ['a numeric id', { 'queries.jsonl': '{"_id": 7, "text": "x"}' }, 'queries.jsonl, line 1: _id'],
    [
      'a repeated document',
      { 'corpus.jsonl': `${corpusLines[0]}\n${corpusLines[0]}` },
      'corpus.jsonl, line 2: _id tides appeared before',
    ],
    [
      'a repeated query',
      { 'queries.jsonl': `${queryLines[0]}\n${queryLines[0]}` },
      'queries.jsonl, line 2: _id q1',
    ],
    ['four columns', { 'qrels/test.tsv': 'q1\t0\ttides\t1' }, 'test.tsv, line 1: 4 columns instead of 3'],
    [
      'a grade in words',
      { 'qrels/test.tsv': `${judgementLines[0]}\nq1\ttides\tgood` },
      'line 2: the score "good"',
    ],
    [
      'a pair judged in two ways',
      { 'qrels/test.tsv': 'q1\ttides\t1\nq1\ttides\t2' },
      'line 2: document tides of query q1 was judged 1 before',
    ],
    ['judgements of other queries', { 'qrels/test.tsv': 'other\ttides\t1' }, 'judges no query of'],
  ])('%s', async (_, changes, message) => {
    await expect(open(changes)).rejects.toMatchObject({
      code: 'data-invalid',
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/expected/),
    });
  });

  test('a missing corpus', async () => {
    const directory = await directoryOf({ 'queries.jsonl': '' });
    await expect(openBeir(directory)).rejects.toMatchObject({
      message: `${directory} has neither corpus.jsonl nor corpus.jsonl.gz.`,
    });
  });

  test('several judgement files, none of them test.tsv', async () => {
    const { 'qrels/test.tsv': test, ...rest } = beirFiles();
    const directory = await directoryOf({ ...rest, 'qrels/dev.tsv': test!, 'qrels/train.tsv': test! });
    await expect(openBeir(directory)).rejects.toMatchObject({
      message: expect.stringContaining('dev.tsv, train.tsv'),
    });
  });
});
