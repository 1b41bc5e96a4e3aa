import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dequantizeRow, LEVELS, quantizeRow } from '../../../src/states/quantize.ts';

interface Case {
  readonly row: number[];
  readonly scale: number;
  readonly q: number[];
}

/** Rows quantised by `training/mice_train/quantize.py`. */
function trained(name: string): Case[] {
  return JSON.parse(readFileSync(new URL(`golden/${name}.json`, import.meta.url), 'utf8'));
}

const dtypes = [
  { dtype: 'int8', cases: trained('quantized'), level: 127 },
  { dtype: 'int4', cases: trained('quantized-int4'), level: 7 },
] as const;

const finiteRow = fc
  .array(fc.float({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 64 })
  // below 1e-30 the scale itself is subnormal and has few digits
  .map((row) => Float32Array.from(row, (value) => (Math.abs(value) < 1e-30 ? 0 : value)));

describe.each(dtypes)('quantising a row to $dtype', ({ dtype, cases, level }) => {
  const levels = LEVELS[dtype];

  it.each(cases)('gives what the training code gives: scale $scale', ({ row, scale, q }) => {
    const out = new Int8Array(row.length);
    expect(quantizeRow(Float32Array.from(row), out, levels)).toBe(scale);
    expect([...out]).toEqual(q);
  });

  it('stores a zero row as scale 0', () => {
    const out = Int8Array.of(1, 2, 3);
    expect(quantizeRow(new Float32Array(3), out, levels)).toBe(0);
    expect([...out]).toEqual([0, 0, 0]);
  });

  it('is off by at most half a step, and stays within the levels', () => {
    fc.assert(
      fc.property(finiteRow, (row) => {
        const q = new Int8Array(row.length);
        const scale = quantizeRow(row, q, levels);
        const back = dequantizeRow(q, scale);
        // float32 rounding of the quotient adds less than 1e-5 of a step to the half
        const tolerance = scale * (0.5 + 1e-5);
        for (let i = 0; i < row.length; i++) {
          expect(Math.abs(back[i]! - row[i]!)).toBeLessThanOrEqual(tolerance);
          expect(Math.abs(q[i]!)).toBeLessThanOrEqual(level);
        }
      }),
    );
  });
});
