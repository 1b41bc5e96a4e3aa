/** Official clients that the repository itself does not depend on, installed once into the cache from their own registries, checked by hash. */
import { createHash } from 'node:crypto';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCacheDirectory, withLock } from '../../src/engine/embedded/cache.ts';
import { madeOnce } from '../../src/engine/embedded/made-once.ts';
import { complaintOf, onPath, runTool } from '../../src/engine/embedded/tools.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** A directory with the client and all it needs, or why there is none on this machine. */
export type Installed = { readonly directory: string } | { readonly missing: string };

/** The JavaScript packages that `javascript/package-lock.json` pins beside those of this repository. */
export async function javaScriptPackages(): Promise<Installed> {
  const npm = await onPath('npm');
  if (npm === undefined) return { missing: 'npm is not installed' };
  const project = join(here, 'javascript');
  return installedOnce('javascript', join(project, 'package-lock.json'), async (incoming) => {
    for (const name of ['package.json', 'package-lock.json'])
      await cp(join(project, name), join(incoming, name));
    await run(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', incoming]);
  });
}

/** Python packages of `python/NAME.txt`: pip itself holds them against the hashes there. */
export async function pythonPackages(name: string): Promise<Installed> {
  const python = await onPath('python3');
  if (python === undefined) return { missing: 'python3 is not installed' };
  const version = await runTool(
    python,
    ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'],
    process.env,
  );
  if (version.status !== 0) return { missing: 'python3 is older than 3.10' };
  const lock = join(here, 'python', `${name}.txt`);
  return installedOnce(`python-${name}`, lock, async (incoming) => {
    const checked = ['--require-hashes', '--no-deps', '--only-binary=:all:', '--requirement', lock];
    const quietly = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-compile'];
    await run(python, ['-m', 'pip', 'install', ...quietly, ...checked, '--target', incoming]);
  });
}

/** Jars that `java/NAME.xml` asks Maven for, held against the hashes of `java/NAME.sha256`. */
export async function javaPackages(name: string): Promise<Installed> {
  if ((await onPath('javac')) === undefined) return { missing: 'no Java development kit is installed' };
  const maven = await onPath('mvn');
  if (maven === undefined) return { missing: 'mvn is not installed' };
  const project = join(here, 'java', `${name}.xml`);
  const lock = join(here, 'java', `${name}.sha256`);
  return installedOnce(`java-${name}`, lock, async (incoming) => {
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';
    await run(maven, ['-q', '-B', '-f', project, goal, `-DoutputDirectory=${incoming}`]);
    const wanted = (await readFile(lock, 'utf8')).trim().split('\n').sort();
    const names = await readdir(incoming);
    const found = await Promise.all(names.map(async (jar) => `${await sha256(join(incoming, jar))}  ${jar}`));
    if (found.sort().join('\n') !== wanted.join('\n'))
      throw new Error(`The jars differ from ${lock}:\n${found.join('\n')}`);
  });
}

/** A changed lock is another directory. */
async function installedOnce(
  name: string,
  lock: string,
  fill: (incoming: string) => Promise<void>,
): Promise<Installed> {
  const cache = defaultCacheDirectory();
  const directory = join(cache, 'clients', `${name}-${(await sha256(lock)).slice(0, 12)}`);
  await withLock(join(cache, 'locks', name), name, () => madeOnce(directory, fill));
  return { directory };
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const { status, output } = await runTool(program, args, process.env);
  if (status !== 0) throw new Error(`${program} failed: ${complaintOf(output)}\n${output}`);
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
