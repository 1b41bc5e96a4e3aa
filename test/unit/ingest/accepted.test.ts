import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { acceptedItems } from '../../../src/ingest/accepted.ts';

const item = (action: string, id: string, more: object) => ({
  [action]: { _index: 'real', _id: id, status: 200, ...more },
});
const answer = {
  took: 1,
  errors: true,
  items: [
    item('index', 'a', { _seq_no: 7, result: 'created' }),
    item('create', 'b', { status: 409, error: { type: 'version_conflict_engine_exception' } }),
    item('update', 'c', { _seq_no: 8, result: 'noop' }),
    item('update', 'd', { _seq_no: 9, result: 'updated' }),
    item('delete', 'e', { _seq_no: 10, result: 'deleted' }),
    item('delete', 'f', { _seq_no: 11, result: 'not_found' }),
    item('index', 'elsewhere', { _seq_no: 1, result: 'created' }),
  ],
};

async function accepted(text: string, piece = 5) {
  const chunks = Array.from({ length: Math.ceil(text.length / piece) }, (_, at) =>
    Buffer.from(text.slice(at * piece, (at + 1) * piece)),
  );
  const routings = new Map(Array.from({ length: 6 }, (_, at) => [at, at === 3 ? 'r' : undefined]));
  const found = [];
  for await (const group of acceptedItems(Readable.from(chunks), routings)) found.push(...group);
  return found;
}

describe('what a cluster accepted of a bulk request', () => {
  it('is what was created, changed or deleted of the items that are asked about', async () => {
    expect(await accepted(JSON.stringify(answer))).toEqual([
      { index: 'real', id: 'a', routing: undefined, seqNo: 7, deleted: false, position: 0 },
      { index: 'real', id: 'd', routing: 'r', seqNo: 9, deleted: false, position: 3 },
      { index: 'real', id: 'e', routing: undefined, seqNo: 10, deleted: true, position: 4 },
    ]);
  });

  it.each([
    ['filtered', '{"errors":false}'],
    ['of another format', 'took: 1\nitems: []'],
    ['filtered inside its items', '{"items":[{"index":{"status":201}}]}'],
  ])('is nothing where the answer is %s', async (_, text) => {
    expect(await accepted(text)).toEqual([]);
  });

  it('is what came of an answer that breaks off', async () => {
    const text = JSON.stringify(answer);
    expect(await accepted(text.slice(0, text.indexOf('"b"')))).toHaveLength(1);
  });
});
