import { createServer } from 'node:http';
import { expect, it } from 'vitest';
import { connectEngine } from '../../../src/engine/connect.ts';
import type { Engine } from '../../../src/engine/port.ts';
import { findBeside } from '../../../src/ingest/stores/companion.ts';
import { plainSelection } from '../../../src/ingest/text.ts';
import { findHits } from '../../../src/proxy/hits.ts';
import { findStates, openSlab, textIn } from '../../../src/proxy/load-states.ts';
import { contentHash } from '../../../src/states/hash.ts';
import { encodeStates } from '../../support/encode-states.ts';
import { afterThis, asEngine, listeningOn } from '../../support/stub-engine.ts';

const bundleId = '0123456789abcdef';

function statesOf(text: string, tokens: number): Buffer {
  const vector = Float32Array.of(1, 2, 3);
  const states = Float32Array.from({ length: tokens * 5 }, (_, at) => at);
  const source = { bundleId, hash: contentHash(text), truncated: false, dtype: 'int8', dims: 5 } as const;
  return Buffer.from(encodeStates({ ...source, vector, states }));
}

it('the memory of a window holds another one only after it was given back', () => {
  const answer = Buffer.from('"AAAA"');
  const lying = [{ states: { answer, at: { start: 1, end: 5 } }, isOwn: true }];
  const decodeOne = () => {
    const { decode, giveBack } = openSlab(lying);
    return { memory: decode(lying[0]!.states).buffer, giveBack };
  };
  const first = decodeOne();
  const second = decodeOne();
  expect(second.memory).not.toBe(first.memory);
  first.giveBack();
  expect(decodeOne().memory).toBe(first.memory);
});

it('states of a window are decoded into one buffer, each at a multiple of 4', () => {
  // Lengths whose base64 ends without, with one and with two signs of padding.
  const texts = ['one', 'two', 'three', 'four', 'five', 'six'];
  const stored = texts.map((text, at) => statesOf(text, at + 1));
  const hits = texts.map((text, at) => ({
    ...{ _index: 'i', _id: text, _source: { text } },
    ...(text !== 'four' && { fields: { 'mice.states': [stored[at]!.toString('base64')] } }),
  }));
  const answer = Buffer.from(JSON.stringify({ hits: { hits } }));
  const { hits: places } = findHits(answer, 'mice.states');
  const lying = places.map(({ states: at }) => ({ states: at && { answer, at }, isOwn: true }));
  const { decode } = openSlab(lying);
  const found = places.map((hit, at) =>
    findStates(textIn(answer, hit, plainSelection(['text'])), lying[at]!, { bundleId }, decode),
  );
  expect(found.map(({ kind }) => kind)).toEqual(['fresh', 'fresh', 'fresh', 'missing', 'fresh', 'fresh']);
  const fresh = found.flatMap((one) => (one.kind === 'fresh' ? [one.bytes] : []));
  expect(fresh.map((bytes) => Buffer.from(bytes))).toEqual(stored.filter((_, at) => at !== 3));
  expect(new Set(fresh.map(({ buffer }) => buffer)).size).toBe(1);
  expect(fresh.every(({ byteOffset }) => byteOffset % 4 === 0)).toBe(true);
});

it('states that memory keeps are not summed up again, only held against what is asked for', () => {
  const read = { text: 'one', hash: contentHash('one') };
  const find = (change: (bytes: Buffer) => void, expected = bundleId) => {
    const bytes = statesOf('one', 2);
    change(bytes);
    const lying = { states: new Uint8Array(bytes), isOwn: true };
    return findStates(read, lying, { bundleId: expected }, () => expect.unreachable()).kind;
  };
  const damage = (bytes: Buffer) => bytes.writeUInt8(bytes.at(-1)! ^ 1, bytes.length - 1);
  expect(find(() => {})).toBe('fresh');
  expect(find(damage)).toBe('fresh');
  expect(find(() => {}, 'f'.repeat(16))).toBe('unusable');
});

async function engineAnswering(docs: readonly unknown[]): Promise<Engine> {
  const server = createServer(
    asEngine((_, response) =>
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ docs })),
    ),
  );
  const engine = await connectEngine({ url: `http://${await listeningOn(server)}` });
  afterThis(() => engine.close());
  return engine;
}

const keys = ['a', 'b', 'c', 'd'].map((id) => ({ index: 'i', id, routing: undefined }));

it('states beside are found in the bytes of an answer, in the order of the documents', async () => {
  const notFound = { error: { type: 'index_not_found_exception', reason: 'no such index' } };
  const engine = await engineAnswering([
    { _id: 'a', found: true, _source: { states: 'QUJD' } },
    { _id: 'b', found: false },
    { _id: 'c', ...notFound },
    { _id: 'd', found: true, _source: { states: 'REVG', other: 1 } },
  ]);
  const { answer, places } = await findBeside(engine, 'mice', keys);
  const texts = places.map((at) => at && Buffer.from(answer.toString('latin1', at.start, at.end), 'base64'));
  expect(texts.map((text) => text?.toString())).toEqual(['ABC', undefined, undefined, 'DEF']);
});

it('what a shard does not say is not taken for absent', async () => {
  const engine = await engineAnswering([{ _id: 'a', error: { type: 'no_shard', reason: 'gone' } }]);
  await expect(findBeside(engine, 'mice', keys.slice(0, 1))).rejects.toThrow('could not be read');
});
