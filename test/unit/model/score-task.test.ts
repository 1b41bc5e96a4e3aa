import { expect, it } from 'vitest';
import { packScoreTask } from '../../../src/model/score-task.ts';
import { giveBackSlab } from '../../../src/states/slabs.ts';

const query = { tokens: 1, truncated: false, states: new Float32Array(4), vector: new Float32Array(4) };

it('a slab that came back holds the next task', () => {
  const { task: first } = packScoreTask(query, [Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(6)]);
  expect([first.starts, first.sizes]).toEqual([
    [0, 8],
    [5, 1],
  ]);
  giveBackSlab(first.slab.buffer);
  const { task: next, transfer } = packScoreTask(query, [Uint8Array.of(7, 8)]);
  expect(transfer).toEqual([first.slab.buffer]);
  expect([...next.slab.subarray(next.starts[0]!, next.sizes[0]!)]).toEqual([7, 8]);
});

it('a slab that has not come back is not used', () => {
  const [{ task: one }, { task: other }] = [
    packScoreTask(query, [Uint8Array.of(1)]),
    packScoreTask(query, [Uint8Array.of(2)]),
  ];
  expect(one.slab.buffer).not.toBe(other.slab.buffer);
});
