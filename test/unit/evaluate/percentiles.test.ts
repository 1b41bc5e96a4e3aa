import { expect, test } from 'vitest';
import { percentile } from '../../../src/evaluate/percentiles.ts';

const measured = [40, 15, 50, 20, 35];

test.each([
  // ceil(p/100 · 5) is the rank among 15 20 35 40 50.
  [5, 15],
  [30, 20],
  [40, 20],
  [50, 35],
  [95, 50],
  [100, 50],
])('the %i-th percentile is the measured value of nearest rank, %i', (percent, value) => {
  expect(percentile(measured, percent)).toBe(value);
});

test('values are ordered as numbers, and their array is left alone', () => {
  const values = [9, 100, 10];
  expect(percentile(values, 100)).toBe(100);
  expect(values).toEqual([9, 100, 10]);
});

test('there is no percentile of nothing', () => {
  expect(percentile([], 50)).toBeNaN();
});
