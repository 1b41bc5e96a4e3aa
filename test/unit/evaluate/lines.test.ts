import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Line, readLines } from '../../../src/evaluate/lines.ts';
import { directoryOf, gather } from './collection.ts';

async function linesOf(name: string, content: string | Uint8Array): Promise<readonly Line[]> {
  return gather(readLines(join(await directoryOf({ [name]: content }), name)));
}

test('lines are numbered from 1, empty ones are counted and left out', async () => {
  expect(await linesOf('a.txt', 'one\n\n three \nfour')).toEqual([
    { number: 1, text: 'one' },
    { number: 3, text: ' three ' },
    { number: 4, text: 'four' },
  ]);
});

test('a gzipped file reads like a plain one, across many chunks', async () => {
  const many = Array.from({ length: 50_000 }, (_, at) => `line ${at} – ü`);
  const lines = await linesOf('a.txt.gz', gzipSync(many.join('\n')));
  expect(lines.map(({ text }) => text)).toEqual(many);
});

test('U+2028 does not end a line', async () => {
  expect(await linesOf('a.txt', '{"text":"a\u2028b"}\n')).toEqual([
    { number: 1, text: '{"text":"a\u2028b"}' },
  ]);
});

test.each([
  ['a gzipped file that was cut short', 'a.gz', gzipSync('x'.repeat(10_000)).subarray(0, 30)],
  ['a file that only claims to be gzipped', 'a.gz', 'plain'],
  ['a file that is not UTF-8', 'a.txt', Uint8Array.of(0x61, 0xff, 0x0a)],
])('%s is refused by name', async (_, name, content) => {
  await expect(linesOf(name, content)).rejects.toMatchObject({
    code: 'data-invalid',
    message: expect.stringContaining(name),
  });
});

test('a missing file is refused by name', async () => {
  await expect(gather(readLines('/nowhere/corpus.jsonl'))).rejects.toMatchObject({
    code: 'data-invalid',
    message: expect.stringContaining('/nowhere/corpus.jsonl'),
  });
});

test('reading may stop early', async () => {
  const path = join(await directoryOf({ 'a.gz': gzipSync('one\ntwo\n'.repeat(100_000)) }), 'a.gz');
  for await (const { text } of readLines(path)) {
    expect(text).toBe('one');
    break;
  }
});
