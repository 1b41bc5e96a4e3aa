/** The corpus that every checkout has: the documentation of its own installed packages. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MiceError } from '../errors.ts';
import { guidesOf } from './guides.ts';
import { documentedPackages } from './packages.ts';
import { type Passage, passagesOf } from './passages.ts';

/**
 * Passages of the installed packages' documentation, the same on every machine with the same lock file:
 * sorted by package, file and place; of passages with the same words only the first.
 * @param root Directory that holds `package-lock.json` and `node_modules`.
 * @throws MiceError `data-invalid` when the lock file or a package that it pins is not there.
 */
export function documentationCorpus(root: string): readonly Passage[] {
  const seen = new Set<string>();
  return documentedPackages(root)
    .flatMap((name) => packagePassages(root, name))
    .filter(({ text }) => {
      const words = text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
      if (seen.has(words)) return false;
      seen.add(words);
      return true;
    });
}

function packagePassages(root: string, name: string): readonly Passage[] {
  const directory = join(root, 'node_modules', name);
  if (!existsSync(directory)) {
    throw new MiceError(
      'data-invalid',
      `The package ${name} is in package-lock.json but not in node_modules.`,
      {
        hint: 'Install what the lock file pins (npm ci, development packages included), or use --data DIR.',
      },
    );
  }
  return guidesOf(directory).flatMap((file) =>
    passagesOf(name, file, readFileSync(join(directory, file), 'utf8')),
  );
}
