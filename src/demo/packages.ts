/** Which installed packages a checkout's corpus is made of: the same ones on every machine with the same lock file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MiceError } from '../errors.ts';

interface LockedPackage {
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

const TOP_LEVEL = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/;

/** `@types` packages hold one boilerplate paragraph each; everything else has words of its own. */
const WITHOUT_WORDS = /^@types\//;

/** npm may leave these out: they depend on the machine, so no corpus can count on them. */
function dependsOnMachine(locked: LockedPackage): boolean {
  return (
    locked.optional === true || locked.link === true || locked.os !== undefined || locked.cpu !== undefined
  );
}

/**
 * Names of the packages to read, sorted by code unit. Nested copies (`a/node_modules/b`) are other versions
 * of packages that are already there, with nearly the same words, and are left out.
 * @param root Directory that holds `package-lock.json` and `node_modules`.
 * @throws MiceError `data-invalid` when there is no lock file.
 */
export function documentedPackages(root: string): readonly string[] {
  const lock = readLock(join(root, 'package-lock.json'));
  const names = Object.entries(lock.packages).flatMap(([path, locked]) => {
    const name = TOP_LEVEL.exec(path)?.[1];
    return name === undefined || dependsOnMachine(locked) || WITHOUT_WORDS.test(name) ? [] : [name];
  });
  return names.sort();
}

function readLock(path: string): { readonly packages: Readonly<Record<string, LockedPackage>> } {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof readLock>;
  } catch (cause) {
    throw new MiceError('data-invalid', `The documentation corpus needs ${path}, which cannot be read.`, {
      hint: 'Run it in a checkout of the repository, or name another corpus with --data DIR.',
      cause,
    });
  }
}
