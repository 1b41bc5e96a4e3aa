#!/usr/bin/env node
/** The command `mice`: the built code of the published package, or the sources of a checkout. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (existsSync(join(root, 'src', 'cli', 'main.ts'))) {
  const { run } = await import('./bootstrap.mjs');
  run(join('src', 'cli', 'main.ts'), process.argv.slice(2));
} else {
  await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
}
