import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CorpusDocument } from '../../../src/evaluate/dataset.ts';
import { embedThrough } from '../../../src/evaluate/embeddings.ts';
import { loadCorpus } from '../../../src/evaluate/load.ts';

interface Seen {
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server that answers every request with `reply`, and what it has seen. */
async function serve(reply: (response: ServerResponse, body: string) => void) {
  const seen: Seen[] = [];
  const server = createServer(async (incoming, response) => {
    const body = await text(incoming);
    seen.push({ path: incoming.url, headers: incoming.headers, body });
    reply(response, body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const json =
  (value: unknown, status = 200) =>
  (response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));

function corpusOf(documents: readonly CorpusDocument[]) {
  const read = async function* () {
    yield* documents;
  };
  return { documents: documents.length, fingerprint: '', read };
}

const three = ['a', 'b', 'c'].map((id) => ({ id, title: `T ${id}`, text: `line\nbreak ${id}` }));

describe('loading a corpus', () => {
  test('posts title and text under their ids as bulk lines, with the caller’s credentials', async () => {
    const { url, seen } = await serve(json({ errors: false, items: [] }));
    await loadCorpus(corpusOf(three), { url, index: 'docs', headers: { authorization: 'Basic eA==' } });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      path: '/_bulk',
      headers: { 'content-type': 'application/x-ndjson', authorization: 'Basic eA==' },
    });
    const lines = seen[0]!.body.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.slice(0, 2).map((line) => JSON.parse(line))).toEqual([
      { index: { _index: 'docs', _id: 'a' } },
      { title: 'T a', text: 'line\nbreak a' },
    ]);
    expect(lines).toHaveLength(6);
  });

  test('sends a few hundred documents at a time, in order, and tells how many were taken', async () => {
    const { url, seen } = await serve(json({ errors: false, items: [] }));
    const documents = Array.from({ length: 450 }, (_, at) => ({ id: String(at), title: '', text: 'x' }));
    const loaded: number[] = [];
    await loadCorpus(
      corpusOf(documents),
      { url, index: 'docs' },
      { onLoaded: (count) => loaded.push(count) },
    );
    expect(loaded).toEqual([200, 200, 50]);
    const ids = seen.flatMap(({ body }) => [...body.matchAll(/"_id":"(\d+)"/g)].map(([, id]) => Number(id)));
    expect(ids).toEqual(Array.from({ length: 450 }, (_, at) => at));
  });

  test('splits by bytes where documents are long', async () => {
    const { url, seen } = await serve(json({ errors: false, items: [] }));
    const long = three.map(({ id }) => ({ id, title: '', text: 'x'.repeat(3_000_000) }));
    await loadCorpus(corpusOf(long), { url, index: 'docs' });
    expect(seen).toHaveLength(2);
  });

  test('stops at the first refused document and names it', async () => {
    const refused = { index: { _id: 'b', status: 400, error: { reason: 'failed to parse' } } };
    const { url } = await serve(
      json({ errors: true, items: [{ index: { _id: 'a', status: 201 } }, refused] }),
    );
    await expect(loadCorpus(corpusOf(three), { url, index: 'docs' })).rejects.toMatchObject({
      code: 'upstream-refused',
      message: 'Document b was refused: failed to parse',
    });
  });

  test('says what the cluster answered when it refuses the request', async () => {
    const { url } = await serve(json({ error: 'read-only' }, 403));
    await expect(loadCorpus(corpusOf(three), { url, index: 'docs' })).rejects.toMatchObject({
      code: 'upstream-refused',
      message: expect.stringMatching(/403.*read-only/),
    });
  });

  test('says where nobody listens', async () => {
    await expect(
      loadCorpus(corpusOf(three), { url: 'http://127.0.0.1:1', index: 'docs' }),
    ).rejects.toMatchObject({
      code: 'upstream-unreachable',
      message: expect.stringContaining('http://127.0.0.1:1/_bulk'),
    });
  });
});

describe('the vector of a query', () => {
  test('is asked from the embedding route as that of a query', async () => {
    const { url, seen } = await serve(json({ data: [{ index: 0, embedding: [0.6, 0.8] }] }));
    expect(await embedThrough(url, { authorization: 'x' })('deep sea')).toEqual([0.6, 0.8]);
    expect(seen[0]).toMatchObject({ path: '/_mice/v1/embeddings', headers: { authorization: 'x' } });
    expect(JSON.parse(seen[0]!.body)).toEqual({ input: ['deep sea'], input_type: 'query' });
  });

  test.each([
    ['no such route', json({ error: 'no handler' }, 400), /400: .*no handler/],
    ['an empty answer', json({ data: [] }), /no vector but 200: .*\[\]/],
    ['no JSON', (response: ServerResponse) => void response.end('<html>'), /<html>/],
  ])('is an error that names the route: %s', async (_, reply, message) => {
    const { url } = await serve(reply);
    await expect(embedThrough(url)('x')).rejects.toMatchObject({
      code: 'proxy-refused',
      message: expect.stringMatching(message),
    });
  });
});
