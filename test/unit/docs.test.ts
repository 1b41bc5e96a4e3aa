import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = globSync(['*.md', 'docs/**/*.md', 'training/*.md', 'models/**/*.md'], { cwd: root });

it('ARCHITECTURE.md has a heading for every folder of src, and no other', () => {
  const headings = [...read('ARCHITECTURE.md').matchAll(/^## src\/(\S+)$/gm)]
    .map(([, folder]) => folder)
    .sort();
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  expect(headings).toEqual(folders.map(({ name }) => name).sort());
});

it.each(pages)('the links of %s lead somewhere', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) =>
    join(root, dirname(page), link!),
  );
  for (const link of links) expect(existsSync(link), link).toBe(true);
});

it('every npm script that a page names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const page of pages) {
    for (const [, name] of read(page).matchAll(/npm run ([\w-]+)/g))
      expect(Object.keys(scripts), page).toContain(name);
  }
});
