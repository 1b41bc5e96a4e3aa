/** Loads a corpus through `_bulk`: at the proxy, where ingest adds vectors and states, or at the engine itself. */
import { request } from 'undici';
import { MiceError, messageOf } from '../errors.ts';
import type { Corpus, CorpusDocument } from './dataset.ts';

/** Documents of one request: at 50 encoded documents a second it is answered within seconds. */
const CHUNK_DOCUMENTS = 200;
/** Far below the engines' `http.max_content_length` of 100 MB. */
const CHUNK_BYTES = 4_000_000;

export interface LoadTarget {
  /** Base URL of proxy or engine. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly index: string;
}

export interface LoadOptions {
  /** Called with the number of documents of every accepted request. */
  readonly onLoaded?: (documents: number) => void;
  readonly signal?: AbortSignal | undefined;
}

interface Chunk {
  readonly documents: number;
  readonly lines: string;
}

function bulkLines(index: string, { id, title, text }: CorpusDocument): string {
  return `${JSON.stringify({ index: { _index: index, _id: id } })}\n${JSON.stringify({ title, text })}\n`;
}

async function* chunks(index: string, documents: AsyncIterable<CorpusDocument>): AsyncGenerator<Chunk> {
  let chunk: Chunk = { documents: 0, lines: '' };
  for await (const document of documents) {
    chunk = { documents: chunk.documents + 1, lines: chunk.lines + bulkLines(index, document) };
    if (chunk.documents < CHUNK_DOCUMENTS && chunk.lines.length < CHUNK_BYTES) continue;
    yield chunk;
    chunk = { documents: 0, lines: '' };
  }
  if (chunk.documents > 0) yield chunk;
}

interface BulkAnswer {
  readonly errors: boolean;
  readonly items: readonly Readonly<
    Record<string, { readonly _id: string; readonly error?: { reason?: string } }>
  >[];
}

function throwOnRefused(url: URL, status: number, body: string): void {
  if (status !== 200) {
    throw new MiceError('upstream-refused', `POST ${url.href} answered ${status}: ${body.slice(0, 300)}`);
  }
  const answer = JSON.parse(body) as BulkAnswer;
  if (!answer.errors) return;
  const refused = answer.items
    .map((item) => Object.values(item)[0])
    .find((item) => item?.error !== undefined);
  throw new MiceError('upstream-refused', `Document ${refused?._id} was refused: ${refused?.error?.reason}`);
}

/**
 * Sends the corpus in its order, one request after the other.
 *
 * @throws MiceError `upstream-refused` naming the first refused document, `upstream-unreachable`, `aborted`
 */
export async function loadCorpus(
  corpus: Corpus,
  target: LoadTarget,
  options: LoadOptions = {},
): Promise<void> {
  const url = new URL('/_bulk', target.url);
  for await (const { documents, lines } of chunks(target.index, corpus.read())) {
    options.signal?.throwIfAborted();
    const answer = await post(url, target.headers, lines);
    throwOnRefused(url, answer.status, answer.body);
    options.onLoaded?.(documents);
  }
}

async function post(url: URL, headers: LoadTarget['headers'], body: string) {
  try {
    const answer = await request(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-ndjson' },
      body,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return { status: answer.statusCode, body: await answer.body.text() };
  } catch (cause) {
    throw new MiceError('upstream-unreachable', `POST ${url.href} failed: ${messageOf(cause)}`, { cause });
  }
}
