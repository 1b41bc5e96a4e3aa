import { expect, it } from 'vitest';
import { fitLine, lineAt } from '../../../src/bench/fit.ts';

it('points on a line give that line', () => {
  const line = fitLine([10, 100, 1000].map((x) => ({ x, ms: 3 + 0.5 * x })));
  expect(line.fixedMs).toBeCloseTo(3);
  expect(line.msPerUnit).toBeCloseTo(0.5);
});

it('a small value pulls as much as a large one that is off by the same share', () => {
  const line = fitLine([
    { x: 1, ms: 1.1 },
    { x: 10, ms: 10 },
    { x: 100, ms: 100 },
  ]);
  expect(Math.abs(lineAt(line, 1) - 1.1)).toBeLessThan(0.1);
  expect(Math.abs(lineAt(line, 100) - 100)).toBeLessThan(5);
});
