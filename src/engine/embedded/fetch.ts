/** A pinned file on this machine: from the cache, or fetched, always checked against its hash. */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MiceError, messageOf } from '../../errors.ts';
import { startProgress } from '../../observe/progress.ts';
import type { Artifact } from './artifacts.ts';
import { withLock } from './cache.ts';
import { requireRoom } from './disk.ts';
import { fetchOverHttp, urlIn } from './fetch-http.ts';
import { fetchWithMaven, mavenPath } from './fetch-maven.ts';
import { fetchWithPip } from './fetch-pip.ts';
import { removeLeftovers } from './made-once.ts';
import { type Repositories, repositorySettings } from './repositories.ts';
import { onPath } from './tools.ts';
import { fileBytes, isPinned, requirePinned, setAside } from './verify.ts';

export interface FetchOptions {
  readonly cacheDirectory: string;
  readonly repositories: Repositories;
  /** Where `mvn` and `python3` are looked for. */
  readonly env?: NodeJS.ProcessEnv;
}

/** One way to a file: starts the transfer and says where the file grows and where it ends up. */
interface Way {
  readonly label: string;
  /** The directory to watch for progress. */
  readonly growsIn: string;
  fetch(): Promise<string>;
}

const incomingPrefix = 'incoming-';

/**
 * The path of the artefact in the cache, fetched if it is not there. Processes that ask at once share one
 * transfer. Throws `artifact-fetch` (saying what was tried), `artifact-hash`, `disk-full`.
 */
export async function fetchArtifact(artifact: Artifact, options: FetchOptions): Promise<string> {
  const directory = join(options.cacheDirectory, 'files', artifact.sha256.slice(0, 16));
  const path = join(directory, artifact.fileName);
  if (await isPinned(path, artifact)) return path;
  return withLock(join(options.cacheDirectory, 'locks', artifact.fileName), artifact.fileName, async () => {
    if (await isPinned(path, artifact)) return path;
    if ((await fileBytes(path)) > 0) await setAside(path);
    await requireRoom(options.cacheDirectory, 2 * artifact.bytes, `Fetching ${artifact.fileName}`);
    await mkdir(directory, { recursive: true });
    await removeLeftovers(join(directory, incomingPrefix));
    const incoming = await mkdtemp(join(directory, incomingPrefix));
    try {
      const fetched = await fetchByAnyWay(artifact, await waysTo(artifact, incoming, options));
      await requirePinned(fetched, artifact, path);
      await rename(fetched, path);
      return path;
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  });
}

/** The ways open on this machine, the configured repository first. Throws `artifact-fetch` where there is none. */
async function waysTo(artifact: Artifact, incoming: string, options: FetchOptions): Promise<readonly Way[]> {
  const { origin } = artifact;
  const base = options.repositories[origin.kind];
  const program = await onPath(origin.kind === 'maven' ? 'mvn' : 'python3', options.env);
  const ways: Way[] = [];
  if (base !== undefined) ways.push(directWay(artifact, incoming, options.repositories));
  if (program !== undefined) ways.push(clientWay(program, artifact, incoming, options.cacheDirectory));
  if (ways.length > 0) return ways;
  const client = origin.kind === 'maven' ? 'Maven (mvn)' : 'Python with pip (python3)';
  throw new MiceError('artifact-fetch', `Nothing on this machine can fetch ${artifact.fileName}.`, {
    hint: `Install ${client}, or set ${repositorySettings[origin.kind]} to the base URL of a repository.`,
  });
}

function directWay(artifact: Artifact, incoming: string, repositories: Repositories): Way {
  const path = join(incoming, artifact.fileName);
  const fetch = async () => {
    const url = await urlIn(repositories, artifact);
    if (url !== undefined) await fetchOverHttp(url, path);
    return path;
  };
  return { label: repositorySettings[artifact.origin.kind], growsIn: incoming, fetch };
}

function clientWay(program: string, artifact: Artifact, incoming: string, cacheDirectory: string): Way {
  const { origin } = artifact;
  if (origin.kind === 'pypi') {
    return {
      label: program,
      growsIn: incoming,
      fetch: () => fetchWithPip(program, artifact, origin, incoming),
    };
  }
  const repository = join(cacheDirectory, 'maven');
  const fetch = () => fetchWithMaven(program, artifact, origin, repository);
  return { label: program, growsIn: join(repository, mavenPath(origin), '..'), fetch };
}

async function fetchByAnyWay(artifact: Artifact, ways: readonly Way[]): Promise<string> {
  const faults: string[] = [];
  for (const way of ways) {
    try {
      return await withProgress(artifact, way.growsIn, way.fetch);
    } catch (fault) {
      if (fault instanceof MiceError && fault.code !== 'artifact-fetch') throw fault;
      faults.push(`${way.label}: ${messageOf(fault)}`);
    }
  }
  const other = repositorySettings[artifact.origin.kind];
  throw new MiceError(
    'artifact-fetch',
    `${artifact.fileName} could not be fetched. Tried ${faults.join('; ')}`,
    {
      hint: `Check the network and the proxy settings, or set ${other} to the base URL of a repository that can be reached.`,
    },
  );
}

const pollMs = 250;
const worthShowing = 1_000_000;

/** Shows how a transfer comes along by the size of what lies in its directory. */
async function withProgress<T>(artifact: Artifact, directory: string, work: () => Promise<T>): Promise<T> {
  if (artifact.bytes < worthShowing) return work();
  const progress = startProgress(artifact.fileName, artifact.bytes, 'MB');
  const poll = setInterval(() => void bytesIn(directory).then((bytes) => progress.reach(bytes)), pollMs);
  try {
    const result = await work();
    progress.reach(artifact.bytes);
    return result;
  } finally {
    clearInterval(poll);
    progress.stop();
  }
}

/** The clients write under names and in folders of their own, so the largest file counts. */
async function bytesIn(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => fileBytes(join(directory, name))));
  return Math.max(0, ...sizes);
}
