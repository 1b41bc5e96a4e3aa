import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manifestFields } from '../../../src/model/manifest.ts';
import { CROSS_ENCODER, ENCODER, INTERACTION, VECTOR } from '../../../src/model/signatures.ts';
import { embeddingsBody, rerankBody } from '../../../src/proxy/model-api.ts';
import { AT } from '../../../src/states/layout.ts';

const page = readFileSync(new URL('../../../docs/model.md', import.meta.url), 'utf8');

describe('docs/model.md', () => {
  it.each(manifestFields)('explains the field %s of bundle.json', (field) => {
    expect(page).toContain(`\`${field}\``);
  });

  const signatures = [ENCODER, VECTOR, CROSS_ENCODER, INTERACTION];
  const tensors = new Set(signatures.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));

  it.each([...tensors])('names %s, which a graph must have', (name) => {
    expect(page).toContain(`\`${name}\``);
  });

  const fields = new Set([embeddingsBody, rerankBody].flatMap(({ shape }) => Object.keys(shape)));

  it.each([...fields])('names the field %s of a request to the model', (field) => {
    expect(page).toMatch(new RegExp(`[\`"]${field}[\`"]`));
  });

  it.each(Object.values(AT))('has a row for the header field at offset %i', (offset) => {
    expect(page).toContain(`\n| ${offset} | `);
  });
});
