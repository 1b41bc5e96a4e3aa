/** Lines of a text file, plain or gzipped, read as a stream. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MiceError, messageOf } from '../errors.ts';

export interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
}

function openBytes(path: string): AsyncIterable<Uint8Array> {
  const file = createReadStream(path);
  if (!path.endsWith('.gz')) return file;
  const plain = createGunzip();
  // An error of the file destroys `plain` with it, so whoever iterates `plain` sees the error.
  pipeline(file, plain, () => {});
  return plain;
}

/** The file's text in pieces, decoded strictly. */
async function* readText(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const bytes of openBytes(path)) yield decoder.decode(bytes, { stream: true });
    yield decoder.decode();
  } catch (thrown) {
    throw new MiceError('data-invalid', `${path} could not be read: ${messageOf(thrown)}`, {
      hint: 'A readable UTF-8 text file, plain or gzipped with the ending .gz, is expected.',
      cause: thrown,
    });
  }
}

/**
 * The non-empty lines of `path`, split at `\n` only: node:readline also splits at U+2028 and U+2029, which may
 * stand unescaped inside a JSON string (ECMA-404 section 9).
 *
 * @throws MiceError `data-invalid` when the file is missing, cut short or not UTF-8
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  let number = 0;
  let rest = '';
  for await (const text of readText(path)) {
    const pieces = (rest + text).split('\n');
    rest = pieces.pop() ?? '';
    for (const piece of pieces) {
      number += 1;
      if (piece.trim() !== '') yield { number, text: piece };
    }
  }
  if (rest.trim() !== '') yield { number: number + 1, text: rest };
}
