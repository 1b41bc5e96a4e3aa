import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkStates } from '../../../src/states/check.ts';
import { halves, readHeader, viewPassages, viewStates } from '../../../src/states/decode.ts';
import { encodePassages, type PassagesSource } from '../../../src/states/encode.ts';
import { LEVELS, quantizeRows } from '../../../src/states/quantize.ts';
import { RULES } from '../../../src/states/splitting.ts';
import { laidOut } from '../../support/laid-out.ts';

const bundleId = '0123456789abcdef';
const hash = '00112233445566778899aabbccddeeff';
const splitting = { tokens: 5, overlap: 2, most: 4, rule: 1 };

/** Golden files are what earlier releases have stored: they are never regenerated. */
function golden(name: string): { readonly bytes: Uint8Array; readonly source: PassagesSource } {
  const url = (ending: string) => new URL(`golden/${name}.${ending}`, import.meta.url);
  const source = JSON.parse(readFileSync(url('json'), 'utf8'));
  const passages = source.passages.map((passage: Record<string, number[]>) => ({
    ...passage,
    vector: Float32Array.from(passage['vector']!),
    states: Float32Array.from(passage['states']!),
  }));
  return { bytes: readFileSync(url('bin')), source: { ...source, passages } };
}

const NAMES = ['v2-int8', 'v2-int4', 'v2-float16'];

function headerOf(bytes: Uint8Array) {
  const reading = readHeader(bytes);
  if (reading.kind !== 'ok') throw new Error(reading.reason);
  return reading.header;
}

const value = fc.integer({ min: -12_800, max: 12_800 }).map((n) => n / 128);
const sources = fc
  .record({
    dtype: fc.constantFrom('int8' as const, 'int4' as const, 'float16' as const),
    half: fc.integer({ min: 1, max: 4 }),
    vectorDims: fc.integer({ min: 0, max: 9 }),
    truncated: fc.boolean(),
  })
  .chain(({ dtype, half, vectorDims, truncated }) => {
    const dims = dtype === 'int4' ? 2 * half : half;
    const row = (length: number) =>
      fc.array(value, { minLength: length, maxLength: length }).map((v) => Float32Array.from(v));
    const passage = fc.nat({ max: 4 }).chain((tokens) =>
      fc.record({
        start: fc.nat({ max: 0xffffffff }),
        end: fc.nat({ max: 0xffffffff }),
        vector: row(vectorDims),
        states: row(tokens * dims),
      }),
    );
    return fc.record({
      ...{ bundleId: fc.constant(bundleId), hash: fc.constant(hash), splitting: fc.constant(splitting) },
      ...{ dtype: fc.constant(dtype), dims: fc.constant(dims), truncated: fc.constant(truncated) },
      passages: fc.array(passage, { minLength: 1, maxLength: 4 }),
    });
  });

describe('the stored form of several passages, version 2', () => {
  it.each(NAMES)('is written as %s was written', (name) => {
    const { bytes, source } = golden(name);
    expect(Buffer.from(encodePassages(source))).toEqual(bytes);
  });

  it('is read as v2-int8 was meant', () => {
    const { bytes } = golden('v2-int8');
    expect(checkStates(bytes, { bundleId })).toEqual({
      kind: 'ok',
      header: {
        ...{ version: 2, dtype: 'int8', dims: 3, vectorDims: 5, passages: 2, tokens: 5, truncated: false },
        ...{ bundleId, hash, splitting },
      },
    });
    const [first, second] = viewStates(bytes, headerOf(bytes));
    expect(first).toMatchObject({ tokens: 2, place: { start: 0, end: 11 } });
    expect(second).toMatchObject({ tokens: 3, place: { start: 8, end: 20 } });
    expect([...first!.vector]).toEqual([127, 0, -64, 32, 1]);
    expect([...laidOut(second!, 3)]).toEqual([127, -127, 0, 0, 0, 0, 64, 127, -1]);
    expect([...second!.scales]).toEqual([Math.fround(2 / 127), 0, Math.fround(1 / 127)]);
  });

  it('keeps the numbers of v2-float16 as they were', () => {
    const { bytes } = golden('v2-float16');
    const header = headerOf(bytes);
    expect(header).toMatchObject({ dtype: 'float16', passages: 2, tokens: 3, truncated: true });
    expect([...halves(bytes, header)]).toEqual([1, -2, 0.5, 0.0999755859375, 65504, -(2 ** -24)]);
  });

  it('gives back every passage: its place, its vector and its states as the dtype rounds them', () => {
    fc.assert(
      fc.property(sources, (source) => {
        const bytes = encodePassages(source);
        const header = headerOf(bytes);
        expect(header).toMatchObject({
          passages: source.passages.length,
          tokens: source.passages.reduce((sum, { states }) => sum + states.length / source.dims, 0),
          truncated: source.truncated,
        });
        viewStates(bytes, header).forEach((view, index) => {
          const { start, end, vector, states } = source.passages[index]!;
          if (header.version === 2) expect(view.place).toEqual({ start, end });
          const expected = { scales: new Float32Array(view.tokens), states: new Int8Array(states.length) };
          if (source.dtype !== 'float16') {
            const level = LEVELS[source.dtype];
            quantizeRows(states, source.dims, expected.scales, expected.states, level);
            expect(view.scales).toEqual(expected.scales);
            expect(laidOut(view, source.dims)).toEqual(expected.states);
          }
          view.vector.forEach((component, at) => {
            expect(Math.abs(component * view.vectorScale - vector[at]!)).toBeLessThanOrEqual(
              view.vectorScale * 0.51,
            );
          });
        });
        if (source.dtype === 'float16') {
          const all = source.passages.flatMap(({ states }) => [...states]);
          // Whole multiples of 1/128 below 100 take at most 14 bits, of which a half keeps 11.
          halves(bytes, header).forEach((kept, at) => {
            expect(Math.abs(kept - all[at]!)).toBeLessThanOrEqual(Math.abs(all[at]!) * 2 ** -11);
          });
        }
      }),
    );
  });

  it('is version 1 wherever that says all there is to say', () => {
    const { source } = golden('v2-int8');
    const passages = source.passages.slice(0, 1);
    const versionOf = (changes: Partial<PassagesSource>) =>
      headerOf(encodePassages({ ...source, passages, ...changes })).version;
    expect(versionOf({})).toBe(1);
    expect(versionOf({ truncated: true })).toBe(2);
    const whole = { tokens: 2, overlap: 0, most: 1, rule: 1 };
    expect(versionOf({ truncated: true, splitting: whole })).toBe(1);
    expect(versionOf({ truncated: true, splitting: { ...whole, tokens: 3 } })).toBe(2);
    expect(versionOf({ dtype: 'float16' })).toBe(2);
    expect(versionOf({ splitting: { ...whole, rule: RULES.merged } })).toBe(2);
  });

  it('is looked into where it lies, and gives its vectors without unpacking its states', () => {
    const { bytes } = golden('v2-int8');
    const slab = new Uint8Array(bytes.length + 8);
    slab.set(bytes, 4);
    const aligned = slab.subarray(4, 4 + bytes.length);
    const [first] = viewStates(aligned, headerOf(aligned));
    expect(first!.scales.buffer).toBe(slab.buffer);
    expect(viewPassages(bytes, headerOf(bytes)).map(({ vector }) => [...vector])).toEqual(
      viewStates(aligned, headerOf(aligned)).map(({ vector }) => [...vector]),
    );
  });
});

describe.each(NAMES)('bytes that are not what was stored as %s', (name) => {
  const { bytes } = golden(name);

  it('are corrupt when they have no passage, or others than their tokens need', () => {
    const none = Uint8Array.from(bytes);
    none[44] = 0;
    expect(readHeader(none)).toEqual({ kind: 'corrupt', reason: 'they have no passage' });
    const fewer = Uint8Array.from(bytes);
    fewer[56 + 8]! += 1;
    expect(readHeader(fewer)).toMatchObject({
      kind: 'corrupt',
      reason: expect.stringContaining('passages that do not have the'),
    });
  });

  it('are foreign when another bundle made them', () => {
    expect(checkStates(bytes, { bundleId: 'ffffffffffffffff' }).kind).toBe('foreign');
  });

  it('are told from those of another splitting', () => {
    expect(checkStates(bytes, { bundleId, splitting }).kind).toBe('ok');
    const other = { ...splitting, overlap: 0 };
    expect(checkStates(bytes, { bundleId, splitting: other })).toMatchObject({
      kind: 'split-otherwise',
      header: { bundleId },
    });
  });
});
