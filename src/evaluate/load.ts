/** Loads a corpus through `_bulk`: at the proxy, where ingest adds vectors and states, or at the engine itself. */
import { MiceError } from '../errors.ts';
import type { Corpus, CorpusDocument } from './dataset.ts';
import { type Answer, send } from './send.ts';

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
  /** Waited for between an accepted request and the next. */
  readonly betweenRequests?: () => Promise<void>;
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
  readonly items: readonly Readonly<Record<string, BulkOutcome>>[];
}

interface BulkOutcome {
  readonly _id: string;
  readonly error?: { readonly reason?: string };
}

function throwOnRefused(url: URL, { status, text, json }: Answer): void {
  if (status !== 200 || json === undefined) {
    throw new MiceError('upstream-refused', `POST ${url.href} answered ${status}: ${text.slice(0, 300)}`);
  }
  const answer = json as BulkAnswer;
  if (!answer.errors) return;
  const outcomes = answer.items.flatMap((item) => Object.values(item));
  const refused = outcomes.find(({ error }) => error !== undefined);
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
  const headers = { ...target.headers, 'content-type': 'application/x-ndjson' };
  const { signal } = options;
  let requests = 0;
  for await (const { documents, lines } of chunks(target.index, corpus.read())) {
    signal?.throwIfAborted();
    if (requests++ > 0) await options.betweenRequests?.();
    throwOnRefused(url, await send(url, { method: 'POST', headers, body: lines, signal }));
    options.onLoaded?.(documents);
  }
}
