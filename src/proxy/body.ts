/** Request bodies, held in memory only as far as they have to be read. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import { MiceError, messageOf } from '../errors.ts';

const gunzipped = promisify(gunzip);

export type RequestBody =
  | {
      readonly kind: 'whole';
      /** As received. */
      readonly raw: Buffer;
      /** With gzip undone. */
      readonly plain: Buffer;
    }
  /** Over the limit, or of an encoding that is not read here: to be streamed on as it came. */
  | { readonly kind: 'unread'; readonly reason: 'too-large' | 'encoding'; readonly stream: Readable };

/** Reads a body of at most `limitBytes`, compressed and plain alike. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<RequestBody> {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip')
    return { kind: 'unread', reason: 'encoding', stream: request };
  const { raw, complete } = await readUpTo(request, limitBytes);
  if (!complete) return { kind: 'unread', reason: 'too-large', stream: Readable.from(replay(raw, request)) };
  if (encoding === 'identity') return { kind: 'whole', raw, plain: raw };
  try {
    return { kind: 'whole', raw, plain: await gunzipped(raw, { maxOutputLength: limitBytes }) };
  } catch {
    // Not gzip after all, or over the limit once unpacked: the cluster says so in its own words.
    return { kind: 'unread', reason: 'too-large', stream: Readable.from([raw]) };
  }
}

/** The body's plain bytes as a stream; undefined for an encoding that is not read here. */
export function plainStream(request: IncomingMessage): Readable | undefined {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') return undefined;
  const received = Readable.from(bodyOf(request));
  if (encoding === 'identity') return received;
  return Readable.from(unpacked(received));
}

async function* unpacked(received: Readable): AsyncGenerator<Buffer> {
  const plain = createGunzip();
  pipeline(received, plain).catch(() => undefined);
  try {
    yield* plain;
  } catch (cause) {
    if (!/^Z_/.test((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw new MiceError('bad-message', `The body cannot be unpacked as gzip: ${messageOf(cause)}.`, {
      cause,
    });
  }
}

/**
 * The body as it comes. Whoever stops reading leaves the connection whole: the rest is read and dropped, so that the
 * client comes to reading its answer.
 * @param onFirstRead called when the first bytes are wanted
 */
export async function* bodyOf(request: IncomingMessage, onFirstRead = () => {}): AsyncGenerator<Buffer> {
  onFirstRead();
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } finally {
    request.resume();
  }
}

/** Whether a message with these headers has a body (RFC 9112 §6.3). */
export function hasBody(request: IncomingMessage): boolean {
  return (
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
  );
}

async function readUpTo(
  request: IncomingMessage,
  limitBytes: number,
): Promise<{ raw: Buffer; complete: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limitBytes) return { raw: Buffer.concat(chunks), complete: false };
  }
  return { raw: Buffer.concat(chunks), complete: true };
}

async function* replay(read: Buffer, rest: IncomingMessage): AsyncGenerator<Buffer> {
  yield read;
  yield* bodyOf(rest);
}
