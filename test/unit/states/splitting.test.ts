import { describe, expect, it } from 'vitest';
import {
  fitsSplitting,
  RULES,
  type Splitting,
  splittingFrom,
  splittingNumbers,
  unsplit,
} from '../../../src/states/splitting.ts';

const splitting: Splitting = { tokens: 256, overlap: 32, most: 4, rule: 1 };

describe('what was read of a text', () => {
  it('fits every splitting whose passages have room for it, when it was read whole as one passage', () => {
    const whole = { tokens: 100, truncated: false, splitting: undefined };
    for (const tokens of [100, 256]) {
      expect(fitsSplitting(whole, { ...splitting, tokens })).toBe(true);
      expect(fitsSplitting(whole, unsplit(tokens))).toBe(true);
    }
    expect(fitsSplitting(whole, { ...splitting, tokens: 99 })).toBe(false);
  });

  it('fits them with its neighbours merged, as far as their number tells how long it was', () => {
    const merged = { ...splitting, rule: RULES.merged };
    const whole = { tokens: 100, truncated: false, splitting: merged };
    for (const other of [{ most: 1 }, { overlap: 0 }, { tokens: 150 }, { tokens: 512 }])
      expect(fitsSplitting(whole, { ...merged, ...other }), JSON.stringify(other)).toBe(true);
    expect(fitsSplitting(whole, { ...merged, tokens: 149 })).toBe(false);
    expect(fitsSplitting({ ...whole, tokens: 172 }, { ...merged, most: 1 })).toBe(false);
  });

  it('fits only the same passages, when it was split', () => {
    const read = { tokens: 600, truncated: false, splitting };
    expect(fitsSplitting(read, splitting)).toBe(true);
    for (const other of [{ tokens: 128 }, { overlap: 0 }, { rule: 2 }, { most: 3 }])
      expect(fitsSplitting(read, { ...splitting, ...other }), JSON.stringify(other)).toBe(false);
    expect(fitsSplitting(read, unsplit(256))).toBe(false);
  });

  it('fits none that keeps other tokens of it, whole or split', () => {
    const merged = { ...splitting, rule: RULES.merged };
    const whole = { tokens: 100, truncated: false };
    expect(fitsSplitting({ ...whole, splitting: undefined }, merged)).toBe(false);
    expect(fitsSplitting({ ...whole, splitting: merged }, splitting)).toBe(false);
    expect(fitsSplitting({ ...whole, splitting: merged }, merged)).toBe(true);
    expect(unsplit(256, 'merged')).toEqual({ ...unsplit(256), rule: RULES.merged });
  });

  it('would not have more passages where more are allowed, unless it was cut', () => {
    const more = { ...splitting, most: 8 };
    expect(fitsSplitting({ tokens: 600, truncated: false, splitting }, more)).toBe(true);
    expect(fitsSplitting({ tokens: 1000, truncated: true, splitting }, more)).toBe(false);
  });

  it('that was cut without splitting fits no splitting', () => {
    const cut = { tokens: 256, truncated: true, splitting: unsplit(256) };
    expect(fitsSplitting(cut, unsplit(256))).toBe(true);
    expect(fitsSplitting(cut, unsplit(128))).toBe(false);
    expect(fitsSplitting(cut, splitting)).toBe(false);
  });
});

describe('a splitting in numbers', () => {
  it('is its four members, and read back from them', () => {
    expect(splittingNumbers(splitting)).toEqual([256, 32, 4, 1]);
    expect(splittingFrom([256, 32, 4, 1])).toEqual(splitting);
    expect(splittingFrom(splittingNumbers(undefined))).toBeUndefined();
  });

  it('is nothing else', () => {
    for (const other of [
      [256, 32, 4],
      [1, 2, 3, 4, 5],
      ['1', 2, 3, 4],
      [0.5, 0, 1, 1],
      '256',
      7,
      null,
      undefined,
    ])
      expect(splittingFrom(other), String(other)).toBeUndefined();
  });
});
