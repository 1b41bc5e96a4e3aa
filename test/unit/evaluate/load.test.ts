import { describe, expect, test } from 'vitest';
import type { CorpusDocument } from '../../../src/evaluate/dataset.ts';
import { loadCorpus } from '../../../src/evaluate/load.ts';
import { json, serve } from './server.ts';

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

  test('ends at once when the caller leaves, even with documents under way', async () => {
    const { url } = await serve(() => {});
    const leaving = new AbortController();
    const loading = loadCorpus(corpusOf(three), { url, index: 'docs' }, { signal: leaving.signal });
    setTimeout(() => leaving.abort(new Error('left')), 20);
    await expect(loading).rejects.toThrow('left');
  });
});
