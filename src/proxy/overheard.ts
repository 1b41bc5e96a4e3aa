/** An answer that is read along while it goes to the client as it came. */
import { PassThrough, Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import type { UpstreamAnswer } from './upstream.ts';

/**
 * The same answer, whose end is held back until `read` is done with a plain copy of it: then what the client is told
 * has happened here too. In an encoding that is not known here it is not read.
 * @param read may stop early; does not throw
 */
export function overheard(
  answer: UpstreamAnswer,
  read: (plain: AsyncIterable<Buffer>) => Promise<void>,
): UpstreamAnswer {
  const encoding = String(answer.headers['content-encoding'] ?? 'identity');
  const decoder = decoders[encoding]?.();
  return decoder ? { ...answer, body: Readable.from(tapped(answer.body, decoder, read)) } : answer;
}

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  identity: () => new PassThrough(),
  gzip: createGunzip,
  deflate: createInflate,
};

async function* tapped(
  body: Readable,
  decoder: NodeJS.ReadWriteStream & Readable,
  read: (plain: AsyncIterable<Buffer>) => Promise<void>,
): AsyncGenerator<Buffer> {
  let isRead = false;
  // What cannot be decoded is for the client to find out.
  decoder.on('error', () => {});
  const done = read(decoder)
    .catch(() => undefined)
    .finally(() => {
      isRead = true;
    });
  let last: Buffer | undefined;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (last) yield last;
      last = chunk;
      if (isRead || decoder.write(chunk)) continue;
      // The reader sets the speed, until it has read enough.
      await Promise.race([new Promise((resolve) => decoder.once('drain', resolve)), done]);
    }
    decoder.end();
    await done;
    if (last) yield last;
  } finally {
    decoder.end();
  }
}
