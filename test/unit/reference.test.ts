import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { generatedFiles } from '../../src/reference.ts';

it('templates and reference pages agree with the code (npm run docs writes them)', async () => {
  for (const [path, content] of Object.entries(await generatedFiles())) {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), path).toBe(content);
  }
});
