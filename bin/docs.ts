/** Writes what is made from declarations: templates and reference pages. `npm run docs`; a test compares. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from '../src/reference.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

for (const [path, content] of Object.entries(await generatedFiles())) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  process.stdout.write(`${path}\n`);
}
