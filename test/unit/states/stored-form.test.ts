import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkStates } from '../../../src/states/check.ts';
import { readHeader, viewStates } from '../../../src/states/decode.ts';
import { dequantizeRow, quantizeRow } from '../../../src/states/quantize.ts';
import { encodeStates, type StatesSource } from '../../support/encode-states.ts';
import { laidOut } from '../../support/laid-out.ts';

const bundleId = '0123456789abcdef';
const hash = '00112233445566778899aabbccddeeff';

/** Golden files are what earlier releases have stored: they are never regenerated. */
function golden(name: string): { readonly bytes: Uint8Array; readonly source: StatesSource } {
  const url = (ending: string) => new URL(`golden/${name}.${ending}`, import.meta.url);
  const source = JSON.parse(readFileSync(url('json'), 'utf8'));
  // Goldens from before int4 do not name their dtype.
  const dtype = source.dtype ?? 'int8';
  const vector = Float32Array.from(source.vector);
  const states = Float32Array.from(source.states);
  return { bytes: readFileSync(url('bin')), source: { ...source, dtype, vector, states } };
}

const sources = fc
  .record({
    dtype: fc.constantFrom('int8' as const, 'int4' as const),
    // int4 takes an even number
    half: fc.integer({ min: 1, max: 5 }),
    tokens: fc.integer({ min: 0, max: 5 }),
  })
  .chain(({ dtype, half, tokens }) => {
    const dims = dtype === 'int4' ? 2 * half : half;
    const value = fc.integer({ min: -12_800, max: 12_800 }).map((n) => n / 128);
    return fc.record({
      bundleId: fc.constant(bundleId),
      hash: fc.constant(hash),
      truncated: fc.boolean(),
      dtype: fc.constant(dtype),
      dims: fc.constant(dims),
      vector: fc.array(value, { minLength: 1, maxLength: 9 }).map((v) => Float32Array.from(v)),
      states: fc
        .array(value, { minLength: dims * tokens, maxLength: dims * tokens })
        .map((v) => Float32Array.from(v)),
    });
  });

function headerOf(bytes: Uint8Array) {
  const reading = readHeader(bytes);
  if (reading.kind !== 'ok') throw new Error(reading.reason);
  return reading.header;
}

/** The only passage. */
function theOne(bytes: Uint8Array) {
  const [passage, ...others] = viewStates(bytes, headerOf(bytes));
  expect(others).toEqual([]);
  return passage!;
}

describe('the stored form, version 1', () => {
  it.each(['v1-three-tokens', 'v1-odd-dims', 'v1-int4'])('is written as %s was written', (name) => {
    const { bytes, source } = golden(name);
    expect(Buffer.from(encodeStates(source))).toEqual(bytes);
  });

  it('is read as v1-three-tokens was meant', () => {
    const { bytes } = golden('v1-three-tokens');
    expect(checkStates(bytes, { bundleId })).toEqual({
      kind: 'ok',
      header: {
        version: 1,
        dtype: 'int8',
        dims: 8,
        vectorDims: 5,
        passages: 1,
        tokens: 3,
        truncated: true,
        splitting: { tokens: 3, overlap: 0, most: 1, rule: 1 },
        bundleId,
        hash,
      },
    });
    const view = theOne(bytes);
    expect([...view.vector]).toEqual([111, 120, 19, -100, -127]);
    expect(view.scales[0]).toBe(0);
    const states = laidOut(view, 8);
    expect([...states.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(states[8]).toBe(99);
  });

  it('is read as v1-int4 was meant: two values a byte, the first in the low half', () => {
    const { bytes } = golden('v1-int4');
    expect(checkStates(bytes, { bundleId })).toMatchObject({
      kind: 'ok',
      header: { dtype: 'int4', dims: 6, vectorDims: 7, tokens: 4 },
    });
    const passage = theOne(bytes);
    const { vector, scales } = passage;
    expect([...vector]).toEqual([-50, -13, 127, 50, -125, 0, -48]);
    expect([...scales.subarray(1, 3)]).toEqual([0, 1]);
    expect([...laidOut(passage, 6).subarray(6, 18)]).toEqual([0, 0, 0, 0, 0, 0, 7, 1, 0, 2, -7, -6]);
    expect([...bytes.subarray(-6, -3)]).toEqual([0x9f, 0xa8, 0x21]);
  });

  it('takes half a byte a value and four bytes a token with int4', () => {
    const source = { bundleId, hash, truncated: false, vector: new Float32Array(384), dims: 120 };
    const lengthOf = (tokens: number) =>
      encodeStates({ ...source, dtype: 'int4', states: new Float32Array(120 * tokens) }).length;
    expect(lengthOf(180) - lengthOf(0)).toBe(180 * 64);
  });

  it('gives back vector and states to within the rounding of the dtype', () => {
    fc.assert(
      fc.property(sources, (source) => {
        const bytes = encodeStates(source);
        const header = headerOf(bytes);
        const view = theOne(bytes);
        const expected = new Int8Array(source.vector.length);
        expect(view.vectorScale).toBe(quantizeRow(source.vector, expected));
        expect(view.vector).toEqual(expected);
        expect(header).toMatchObject({
          tokens: source.states.length / source.dims,
          truncated: source.truncated,
          dtype: source.dtype,
        });
        const states = laidOut(view, source.dims);
        for (let token = 0; token < header.tokens; token++) {
          const at = token * source.dims;
          const back = dequantizeRow(states.subarray(at, at + source.dims), view.scales[token]!);
          back.forEach((value, i) => {
            expect(Math.abs(value - source.states[at + i]!)).toBeLessThanOrEqual(view.scales[token]! * 0.51);
          });
        }
      }),
    );
  });

  it('is looked into where it lies when it starts at a multiple of 4, and copied otherwise', () => {
    const { bytes } = golden('v1-three-tokens');
    const slab = new Uint8Array(bytes.length + 8);
    slab.set(bytes, 4);
    const aligned = slab.subarray(4, 4 + bytes.length);
    expect(theOne(aligned).scales.buffer).toBe(slab.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const odd = shifted.subarray(1);
    const { vector, scales } = theOne(aligned);
    expect(theOne(odd)).toMatchObject({ vector, scales });
    expect(laidOut(theOne(odd), 8)).toEqual(laidOut(theOne(aligned), 8));
  });
});

describe.each(['v1-three-tokens', 'v1-int4'])('bytes that are not what was stored as %s', (name) => {
  const { bytes } = golden(name);

  it('name the version when it is one of a later release', () => {
    const later = Uint8Array.from(bytes);
    later[4] = 3;
    const reason = 'layout version 3; this release reads 1 and 2';
    expect(readHeader(later)).toEqual({ kind: 'corrupt', reason });
  });

  it('name the dtypes that are read when theirs is another', () => {
    const other = Uint8Array.from(bytes);
    other[5] = 3;
    const reason = 'dtype 3; this release reads 1 (int8) and 2 (int4) in version 1';
    expect(readHeader(other)).toEqual({ kind: 'corrupt', reason });
  });

  it('are corrupt when they announce int4 of an odd number of values', () => {
    const odd = Uint8Array.from(bytes);
    odd[5] = 2;
    odd[6] = 7;
    const reason = '7 int4 values a token, not an even number';
    expect(readHeader(odd)).toEqual({ kind: 'corrupt', reason });
  });

  it('are foreign when another bundle made them', () => {
    expect(checkStates(bytes, { bundleId: 'ffffffffffffffff' })).toMatchObject({
      kind: 'foreign',
      reason: `made by bundle ${bundleId}, not by ffffffffffffffff`,
    });
  });
});
