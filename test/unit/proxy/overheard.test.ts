import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { overheard } from '../../../src/proxy/overheard.ts';
import type { UpstreamAnswer } from '../../../src/proxy/upstream.ts';

function answerOf(bytes: Buffer, encoding?: string, piece = 10): UpstreamAnswer {
  const chunks = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, at) =>
    bytes.subarray(at * piece, (at + 1) * piece),
  );
  const headers = encoding === undefined ? {} : { 'content-encoding': encoding };
  return { status: 200, statusMessage: 'OK', headers, rawHeaders: [], body: Readable.from(chunks) };
}

async function all(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read);
}

const text = 'an answer of several chunks, which is read along'.repeat(20);

describe('an answer that is read along', () => {
  it.each([
    ['plain', undefined, Buffer.from(text)],
    ['gzip', 'gzip', gzipSync(text)],
  ])('reaches the client as it came: %s', async (_, encoding, bytes) => {
    let heard = '';
    const answer = overheard(answerOf(bytes, encoding), async (plain) => {
      heard = (await all(plain)).toString();
    });
    expect(await all(answer.body)).toEqual(bytes);
    expect(heard).toBe(text);
  });

  it('does not end before the reader is done, not even for one who counts its bytes', async () => {
    let isDone = false;
    let received = 0;
    const reading = Promise.withResolvers<void>();
    const answer = overheard(answerOf(Buffer.from(text)), async (plain) => {
      await all(plain);
      await reading.promise;
      isDone = true;
    });
    for await (const chunk of answer.body) {
      received += chunk.length;
      if (received > text.length - 20) reading.resolve();
      if (received === text.length) expect(isDone).toBe(true);
    }
    expect(received).toBe(text.length);
  });

  it.each([
    [
      'stops early',
      async (plain: AsyncIterable<Buffer>) => void (await plain[Symbol.asyncIterator]().next()),
    ],
    ['fails', () => Promise.reject(new Error('the reader failed'))],
    [
      'leaves its loop',
      async (plain: AsyncIterable<Buffer>) => {
        for await (const _ of plain) return;
      },
    ],
  ])('reaches the client whole when the reader %s', async (_, read) => {
    const long = Buffer.from(text.repeat(200));
    const received = await all(overheard(answerOf(long, undefined, 1000), read).body);
    expect(received.equals(long)).toBe(true);
  });

  it('reaches the client as it came when it is not what its encoding says, or of one not known here', async () => {
    const bytes = Buffer.from('no gzip');
    const read = async (plain: AsyncIterable<Buffer>) => void (await all(plain));
    expect(await all(overheard(answerOf(bytes, 'gzip'), read).body)).toEqual(bytes);
    expect(await all(overheard(answerOf(bytes, 'zstd'), read).body)).toEqual(bytes);
  });
});
