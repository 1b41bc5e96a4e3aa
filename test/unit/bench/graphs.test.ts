import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatProduct, integerProduct, maxSim } from '../../../src/bench/graphs/limits.ts';
import { randomEncoder } from '../../../src/bench/graphs/random-encoder.ts';
import { openSessions, type Sessions } from '../../../src/bench/sessions.ts';
import { randomIds } from '../../../src/bench/stored-documents.ts';

const SHAPE = { layers: 2, hidden: 64, heads: 4 } as const;
/** Kernels may add up in another order for another number of rows. */
const TOLERANCE = 1e-4;

let sessions: Sessions;
beforeAll(async () => {
  sessions = await openSessions();
});
afterAll(() => sessions.close());

describe.each(['float32', 'int8-blocks', 'int8-dynamic'] as const)(
  'encoders written for a measurement, %s',
  (form) => {
    it('give one finite score a pair', async () => {
      const session = await sessions.write(randomEncoder({ ...SHAPE, gives: 'score', form }));
      const { scores } = await session.run(randomIds(3, 9, 50));
      expect(scores).toHaveLength(3);
      expect(scores!.every(Number.isFinite)).toBe(true);
    });

    it('give vectors of unit length', async () => {
      const session = await sessions.write(randomEncoder({ ...SHAPE, gives: 'vector', form }));
      const { vector } = await session.run(randomIds(1, 9, 50));
      expect(Math.hypot(...vector!)).toBeCloseTo(1, 4);
    });
  },
);

it('an encoder reads nothing behind the end of a text', async () => {
  const session = await sessions.write(randomEncoder({ ...SHAPE, gives: 'vector', form: 'float32' }));
  const short = await session.run(randomIds(1, 5, 50));
  const { input_ids, attention_mask } = randomIds(1, 9, 50);
  const mask = { ...attention_mask, data: BigInt64Array.from({ length: 9 }, (_, at) => (at < 5 ? 1n : 0n)) };
  const padded = await session.run({ input_ids, attention_mask: mask });
  padded['vector']!.forEach((value, at) => {
    expect(Math.abs(value - short['vector']![at]!)).toBeLessThan(TOLERANCE);
  });
});

it('products have the size that their operations are counted by', async () => {
  const floats = await sessions.write(floatProduct(8, 24));
  const integers = await sessions.write(integerProduct(8, 24));
  const { y } = await floats.run({ x: { data: new Float32Array(40), dims: [5, 8] } });
  const { y: of } = await integers.run({ x: { data: new Int8Array(40), dims: [5, 8] } });
  expect([y!.length, of!.length]).toEqual([120, 120]);
});

it('MaxSim is the sum over query tokens of the best product with a document token', async () => {
  const session = await sessions.write(maxSim(2));
  const { scores } = await session.run({
    query_states: { data: Float32Array.of(1, 0, 0, 2), dims: [2, 2] },
    document_states: { data: Int8Array.of(3, -1, -5, 4), dims: [1, 2, 2] },
    document_scales: { data: Float32Array.of(0.5, 0.25), dims: [1, 2] },
  });
  expect([...scores!]).toEqual([1.5 + 2]);
});
