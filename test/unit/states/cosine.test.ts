import { describe, expect, it } from 'vitest';
import { cosine } from '../../../src/states/cosine.ts';

describe('the cosine of a query vector and a stored vector', () => {
  it('is 1 for the same direction whatever the lengths, −1 for the opposite, 0 for a right angle', () => {
    expect(cosine(Float32Array.of(0.6, 0.8), Int8Array.of(60, 80))).toBeCloseTo(1, 6);
    expect(cosine(Float32Array.of(0.6, 0.8), Int8Array.of(-3, -4))).toBeCloseTo(-1, 6);
    expect(cosine(Float32Array.of(0.6, 0.8), Int8Array.of(-80, 60))).toBeCloseTo(0, 6);
  });

  it('is 0 for a zero vector', () => {
    expect(cosine(Float32Array.of(1, 0), Int8Array.of(0, 0))).toBe(0);
  });
});
