/** Which Java an engine runs on: the newest suitable one that is installed, else the pinned runtime. */
import { readdir, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { MiceError } from '../../errors.ts';
import { blockingParent, runsAsRoot } from './account.ts';
import { pinnedRuntime } from './artifacts.ts';
import type { FetchOptions } from './fetch.ts';
import { localeJarPaths, runtimeHome } from './home.ts';
import { isExecutable, onPath, runTool } from './tools.ts';

export interface Java {
  readonly home: string;
  /** Feature version, e.g. 21. */
  readonly major: number;
  /** Has the incubating vector module, which the engines use where it is. */
  readonly vectorModule: boolean;
  /** Jars that an engine without language data on board needs on its class path. */
  readonly localeJars: readonly string[];
}

export type JavaChoice = 'any' | 'pinned';

/** The newest Java that the pinned engines were started on; instrumenting agents tend to lag behind Java. */
const newestTried = 25;

/** A Java of at least that feature version. Throws `java-missing` with the reason where none can be had. */
export async function javaFor(
  oldest: number,
  options: FetchOptions,
  choice: JavaChoice = 'any',
): Promise<Java> {
  const installed = choice === 'pinned' ? [] : await installedJavas(options.env);
  const best = bestJava(installed, oldest);
  if (best !== undefined && best.major <= newestTried) return best;
  return pinnedJava(oldest, installed, options).catch((fault: unknown) => {
    if (best === undefined) throw fault;
    return best;
  });
}

/** The newest of those the engines were tried on; where there is none, the one that is least too new. */
export function bestJava(installed: readonly Java[], oldest: number): Java | undefined {
  const newEnough = installed.filter(({ major }) => major >= oldest).sort((a, b) => a.major - b.major);
  return newEnough.findLast(({ major }) => major <= newestTried) ?? newEnough[0];
}

async function pinnedJava(oldest: number, installed: readonly Java[], options: FetchOptions): Promise<Java> {
  const runtime = pinnedRuntime();
  const hint = `Install a Java ${oldest} or later and let JAVA_HOME name it.`;
  const found = installed.map((java) => `${java.major} at ${java.home}`).join(', ') || 'none';
  if (runtime === undefined || runtime.major < oldest) {
    const machine = `${process.platform}-${process.arch}`;
    throw new MiceError(
      'java-missing',
      `Java ${oldest} is needed (installed: ${found}); none is pinned for ${machine}.`,
      { hint },
    );
  }
  const home = await runtimeHome(runtime, options).catch((fault: MiceError) => {
    if (fault.code !== 'artifact-fetch') throw fault;
    const message = `Java ${oldest} is needed (installed: ${found}) and could not be fetched. ${fault.message}`;
    throw new MiceError('java-missing', message, {
      hint: `${hint} ${fault.hint ?? ''}`.trim(),
      cause: fault,
    });
  });
  const localeJars = await localeJarPaths(runtime, options);
  return { home, major: runtime.major, vectorModule: false, localeJars };
}

/** Every Java found at the usual places, each home once. */
export async function installedJavas(env: NodeJS.ProcessEnv = process.env): Promise<readonly Java[]> {
  const homes = new Set<string>();
  for (const candidate of await candidateHomes(env)) {
    const home = await realpath(candidate).catch(() => undefined);
    if (home !== undefined && (await isExecutable(join(home, 'bin', 'java')))) homes.add(home);
  }
  const found = await Promise.all([...homes].map(describeJava));
  return found.filter((java) => java !== undefined);
}

async function candidateHomes(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const onSearchPath = await onPath('java', env);
  const linked = onSearchPath === undefined ? undefined : await realpath(onSearchPath).catch(() => undefined);
  const named = [env['JAVA_HOME'], linked === undefined ? undefined : dirname(dirname(linked))];
  const parents = ['/usr/lib/jvm', '/usr/java', '/opt/java', join(homedir(), '.sdkman/candidates/java')];
  const mac = await below('/Library/Java/JavaVirtualMachines', 'Contents/Home');
  const brewed = ['/opt/homebrew/opt/openjdk', '/usr/local/opt/openjdk'].map((path) =>
    join(path, 'libexec/openjdk.jdk/Contents/Home'),
  );
  const usual = await Promise.all(parents.map((parent) => below(parent, '.')));
  return [
    ...named.filter((home) => home !== undefined && home !== ''),
    ...usual.flat(),
    ...mac,
    ...brewed,
  ] as string[];
}

async function below(parent: string, path: string): Promise<readonly string[]> {
  const names = await readdir(parent).catch(() => []);
  return names.map((name) => join(parent, name, path));
}

async function describeJava(home: string): Promise<Java | undefined> {
  if (runsAsRoot() && (await blockingParent(join(home, 'bin', 'java'))) !== undefined) return undefined;
  const release = await readFile(join(home, 'release'), 'utf8').catch(() => '');
  const major =
    majorIn(release) ?? majorIn((await runTool(join(home, 'bin', 'java'), ['-version'], process.env)).output);
  if (major === undefined) return undefined;
  // A runtime that lists its modules may lack this one; one that lists none is a whole JDK of a distributor.
  const modules = /^MODULES="(.*)"$/m.exec(release)?.[1];
  return {
    home,
    major,
    vectorModule: modules === undefined || modules.includes('jdk.incubator.vector'),
    localeJars: [],
  };
}

/** The feature version in a `release` file or in what `java -version` prints; 1.8 counts as 8. */
export function majorIn(text: string): number | undefined {
  const found = /(?:JAVA_VERSION="|version ")(?:1\.)?(\d+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
