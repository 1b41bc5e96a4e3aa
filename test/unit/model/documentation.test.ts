import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manifestFields } from '../../../src/model/manifest.ts';
import { ENCODER, INTERACTION } from '../../../src/model/signatures.ts';
import { AT } from '../../../src/states/layout.ts';

const page = readFileSync(new URL('../../../docs/model.md', import.meta.url), 'utf8');

describe('docs/model.md', () => {
  it.each(manifestFields)('explains the field %s of bundle.json', (field) => {
    expect(page).toContain(`\`${field}\``);
  });

  it.each([...ENCODER.inputs, ...ENCODER.outputs, ...INTERACTION.inputs, ...INTERACTION.outputs])(
    'names %s, which a graph must have',
    (name) => {
      expect(page).toContain(`\`${name}\``);
    },
  );

  it.each(Object.values(AT))('has a row for the header field at offset %i', (offset) => {
    expect(page).toContain(`\n| ${offset} | `);
  });
});
