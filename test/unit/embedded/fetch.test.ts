import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Artifact } from '../../../src/engine/embedded/artifacts.ts';
import { fetchArtifact } from '../../../src/engine/embedded/fetch.ts';
import { repositoriesOf } from '../../../src/engine/embedded/repositories.ts';
import { cheese, cheesePath, holes, localRepository } from './repository.ts';
import { scratchDirectory } from './scratch.ts';

const noTools = { PATH: '' };

async function serve(files: Readonly<Record<string, string | Buffer>>, delayMs = 0) {
  const repository = await localRepository(files, delayMs);
  onTestFinished(() => repository.close());
  return repository;
}

/** A program of that name on a search path of its own. */
function fakeTool(name: string, script: string): NodeJS.ProcessEnv {
  const directory = scratchDirectory();
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { PATH: directory };
}

describe('fetching a pinned artefact', () => {
  test('takes it from the configured Maven repository, then from the cache', async () => {
    const { url, asked } = await serve({ [cheesePath]: 'gouda' });
    const options = { cacheDirectory: scratchDirectory(), repositories: { maven: url }, env: noTools };
    const path = await fetchArtifact(cheese('gouda'), options);
    expect(readFileSync(path, 'utf8')).toBe('gouda');
    expect(await fetchArtifact(cheese('gouda'), options)).toBe(path);
    expect(asked).toEqual([cheesePath]);
  });

  test('keeps the path of a repository that is not at the root', async () => {
    const { url } = await serve({ [`/mirror/all${cheesePath}`]: 'gouda' });
    const repositories = { maven: `${url}/mirror/all` };
    const path = await fetchArtifact(cheese('gouda'), {
      cacheDirectory: scratchDirectory(),
      repositories,
      env: noTools,
    });
    expect(readFileSync(path, 'utf8')).toBe('gouda');
  });

  test('follows the link to a wheel on the project page of a package index', async () => {
    const { fileName } = holes('many');
    const page = `<a href="holes-1.0.whl">old</a> <a data-x="1" href="../../files/${fileName}#sha256=00">${fileName}</a>`;
    const { url } = await serve({ '/simple/holes/': page, [`/files/${fileName}`]: 'many' });
    const repositories = { pypi: `${url}/simple` };
    const path = await fetchArtifact(holes('many'), {
      cacheDirectory: scratchDirectory(),
      repositories,
      env: noTools,
    });
    expect(readFileSync(path, 'utf8')).toBe('many');
  });

  test('refuses a file of another hash and sets it aside', async () => {
    const { url } = await serve({ [cheesePath]: 'brie!' });
    const cacheDirectory = scratchDirectory();
    const fault = await fetchArtifact(cheese('gouda'), {
      cacheDirectory,
      repositories: { maven: url },
      env: noTools,
    }).catch((thrown: unknown) => thrown);
    expect(fault).toMatchObject({
      code: 'artifact-hash',
      message: expect.stringContaining('cheese-1.0.zip'),
    });
    const aside = /(\S+\.rejected)/.exec((fault as { hint: string }).hint)?.[1] ?? '';
    expect(readFileSync(aside, 'utf8')).toBe('brie!');
  });

  test('fetches again what was damaged in the cache', async () => {
    const { url, asked } = await serve({ [cheesePath]: 'gouda' });
    const options = { cacheDirectory: scratchDirectory(), repositories: { maven: url }, env: noTools };
    const path = await fetchArtifact(cheese('gouda'), options);
    writeFileSync(path, 'mould');
    expect(readFileSync(await fetchArtifact(cheese('gouda'), options), 'utf8')).toBe('gouda');
    expect(asked).toHaveLength(2);
  });

  test('clears away what an interrupted transfer left', async () => {
    const { url } = await serve({ [cheesePath]: 'gouda' });
    const cacheDirectory = scratchDirectory();
    const left = join(cacheDirectory, 'files', cheese('gouda').sha256.slice(0, 16), 'incoming-x');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'cheese-1.0.zip'), 'gou');
    const path = await fetchArtifact(cheese('gouda'), {
      cacheDirectory,
      repositories: { maven: url },
      env: noTools,
    });
    expect(readdirSync(dirname(path))).toEqual(['cheese-1.0.zip']);
  });

  test('says what to install or set on a machine that has neither client nor repository', async () => {
    const options = { cacheDirectory: scratchDirectory(), repositories: {}, env: noTools };
    await expect(fetchArtifact(cheese('gouda'), options)).rejects.toMatchObject({
      code: 'artifact-fetch',
      hint: expect.stringMatching(/mvn.*MICE_MAVEN_REPOSITORY/),
    });
    await expect(fetchArtifact(holes('many'), options)).rejects.toMatchObject({
      code: 'artifact-fetch',
      hint: expect.stringMatching(/python3.*MICE_PYPI_INDEX/),
    });
  });

  test('says what was tried when no way works: the repository, then the client with its complaint', async () => {
    const { url } = await serve({});
    const env = fakeTool('mvn', 'echo "[ERROR] no route to the moon"; exit 1');
    const options = { cacheDirectory: scratchDirectory(), repositories: { maven: url }, env };
    await expect(fetchArtifact(cheese('gouda'), options)).rejects.toMatchObject({
      code: 'artifact-fetch',
      message: expect.stringMatching(/cheese-1\.0\.zip.*answered 404.*no route to the moon/s),
    });
  });

  test('asks the client by coordinates, into a local repository of the cache', async () => {
    const script = `for argument; do case "$argument" in -Dmaven.repo.local=*) root="\${argument#*=}";; esac; done
      echo "$*" | grep -q org.example:cheese:1.0:zip || exit 1
      /bin/mkdir -p "$root${dirname(cheesePath)}" && printf gouda > "$root${cheesePath}"`;
    const env = fakeTool('mvn', script);
    const path = await fetchArtifact(cheese('gouda'), {
      cacheDirectory: scratchDirectory(),
      repositories: {},
      env,
    });
    expect(readFileSync(path, 'utf8')).toBe('gouda');
  });

  test('sends the name and password in the address of a repository as the credentials they are', async () => {
    const { url, authorizations } = await serve({ [cheesePath]: 'gouda' });
    const repositories = { maven: url.replace('http://', 'http://mouse:h%C3%A4ppy@') };
    await fetchArtifact(cheese('gouda'), { cacheDirectory: scratchDirectory(), repositories, env: noTools });
    expect(authorizations).toEqual([`Basic ${Buffer.from('mouse:häppy').toString('base64')}`]);
  });

  test('does not show the password in the address of a repository', async () => {
    const { url } = await serve({});
    const repositories = { maven: url.replace('http://', 'http://mouse:hunter2@') };
    const options = { cacheDirectory: scratchDirectory(), repositories, env: noTools };
    const fault = await fetchArtifact(cheese('gouda'), options).catch((thrown: unknown) => thrown);
    expect((fault as Error).message).toContain('answered 404');
    expect((fault as Error).message).not.toContain('hunter2');
  });

  test('refuses a repository that is not a web address', async () => {
    const options = {
      cacheDirectory: scratchDirectory(),
      repositories: { maven: 'file:///etc' },
      env: noTools,
    };
    await expect(fetchArtifact(cheese('gouda'), options)).rejects.toThrow('MICE_MAVEN_REPOSITORY');
  });

  test('reads the repositories from the environment, an empty setting being none', () => {
    const env = { MICE_MAVEN_REPOSITORY: 'http://mirror.test/maven', MICE_PYPI_INDEX: '' };
    expect(repositoriesOf(env)).toEqual({ maven: 'http://mirror.test/maven' });
  });
});

describe('processes that fetch at once', () => {
  const script = `
    const [artifact, options] = process.argv.slice(1).map((each) => JSON.parse(each));
    const { fetchArtifact } = await import(${JSON.stringify(new URL('../../../src/engine/embedded/fetch.ts', import.meta.url).href)});
    process.stdout.write(await fetchArtifact(artifact, options));`;

  async function fetchElsewhere(artifact: Artifact, options: object): Promise<string> {
    const args = ['--input-type=module', '-e', script, JSON.stringify(artifact), JSON.stringify(options)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await once(child, 'close');
    return printed;
  }

  test('share one transfer', async () => {
    const { url, asked } = await serve({ [cheesePath]: 'gouda' }, 2000);
    const options = { cacheDirectory: scratchDirectory(), repositories: { maven: url }, env: noTools };
    const [first, second] = await Promise.all([1, 2].map(() => fetchElsewhere(cheese('gouda'), options)));
    expect(readFileSync(first!, 'utf8')).toBe('gouda');
    expect(second).toBe(first);
    expect(asked).toEqual([cheesePath]);
  });

  test('take over the lock of one that was killed', async () => {
    const { url } = await serve({ [cheesePath]: 'gouda' });
    const cacheDirectory = scratchDirectory();
    const left = join(cacheDirectory, 'locks', 'cheese-1.0.zip.lock');
    mkdirSync(left, { recursive: true });
    const anHourAgo = Date.now() / 1000 - 3600;
    utimesSync(left, anHourAgo, anHourAgo);
    const path = await fetchArtifact(cheese('gouda'), {
      cacheDirectory,
      repositories: { maven: url },
      env: noTools,
    });
    expect(readFileSync(path, 'utf8')).toBe('gouda');
  });
});
