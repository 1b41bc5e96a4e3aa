import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { placeLabels } from '../../../src/evaluate/labels.ts';
import { barPlot } from '../../../src/evaluate/plots.ts';
import { frontier, scatterPlot } from '../../../src/evaluate/scatter.ts';
import { linearTicks, logTicks } from '../../../src/evaluate/ticks.ts';

const point = (label: string, p50Ms: number, quality: number) => ({
  label,
  p50Ms,
  p95Ms: p50Ms * 1.5,
  quality,
});

describe('the line of the best modes', () => {
  test('holds those that no other beats in both time and quality, by rising time', () => {
    const points = [
      point('slow', 90, 0.7),
      point('mice', 40, 0.72),
      point('bm25', 4, 0.6),
      point('worse', 5, 0.5),
    ];
    expect(frontier(points).map(({ label }) => label)).toEqual(['bm25', 'mice']);
  });

  test('holds both of two equal modes', () => {
    expect(frontier([point('a', 4, 0.6), point('b', 4, 0.6)])).toHaveLength(2);
  });
});

describe('the plot of quality against time', () => {
  test('draws a named point for every mode inside its frame', () => {
    const plot = scatterPlot('Quality', [point('bm25', 4, 0.6), point('cross-encoder', 4000, 0.7)]);
    expect(plot.match(/<circle/g)).toHaveLength(2);
    expect(plot).toContain('>cross-encoder</text>');
    const xs = [...plot.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    expect(xs[0]![0]).toBeLessThan(xs[1]![0]!);
    expect(xs[0]![1]).toBeGreaterThan(xs[1]![1]!);
  });

  test('can be drawn for one mode, and for modes of equal quality', () => {
    expect(scatterPlot('Quality', [point('bm25', 4, 0.6)])).not.toContain('NaN');
    expect(scatterPlot('Quality', [point('a', 4, 0), point('b', 4, 0)])).not.toContain('NaN');
  });
});

test('the longest bar is that of the largest value', () => {
  const bar = (value: number) => ({ label: 'x', detail: '', value, shown: String(value) });
  const widths = [...barPlot('Bytes', [bar(100), bar(400)]).matchAll(/<rect [^>]*width="([\d.]+)"/g)];
  const [short, long] = widths.map(([, width]) => Number(width));
  expect(long! / short!).toBeCloseTo(4, 2);
});

describe('ticks', () => {
  test('of a logarithmic axis are 1, 2 and 5 times powers of ten', () => {
    expect(logTicks(3, 120)).toEqual([5, 10, 20, 50, 100]);
    expect(logTicks(0.04, 0.3)).toEqual([0.05, 0.1, 0.2]);
  });

  test('of a linear axis are a handful of round numbers inside it', () => {
    expect(linearTicks(0.598, 0.763).map((tick) => tick.toFixed(2))).toEqual([
      '0.60',
      '0.65',
      '0.70',
      '0.75',
    ]);
    const range = fc.tuple(
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
    );
    fc.assert(
      fc.property(range, ([low, length]) => {
        const ticks = linearTicks(low, low + length);
        expect(ticks.length).toBeGreaterThanOrEqual(3);
        expect(ticks.length).toBeLessThanOrEqual(8);
        expect(ticks.every((tick) => tick > low - 1e-6 && tick < low + length + 1e-6)).toBe(true);
      }),
      // A little over six steps of 0.02, from just behind a multiple of 0.05.
      { examples: [[[0.051, 0.1202]]], numRuns: 2000 },
    );
  });
});

test('names of crowded points keep clear of each other', () => {
  const spots = ['vector', 'vector-fast', 'hybrid', 'mice'].map((label, at) => ({
    x: 200 + 6 * at,
    y: 150,
    label,
  }));
  const places = placeLabels(spots, { left: 0, right: 600, top: 0, bottom: 300 });
  const boxes = places.map(({ x, y }, at) => ({
    left: x,
    right: x + spots[at]!.label.length * 7,
    top: y - 12,
    bottom: y + 3,
  }));
  for (const [at, a] of boxes.entries()) {
    for (const b of boxes.slice(at + 1)) {
      expect(a.left >= b.right || b.left >= a.right || a.top >= b.bottom || b.top >= a.bottom).toBe(true);
    }
  }
});
