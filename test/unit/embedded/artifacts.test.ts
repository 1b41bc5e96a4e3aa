import { describe, expect, test } from 'vitest';
import { distributionOf, distributions, pinnedRuntime } from '../../../src/engine/embedded/artifacts.ts';
import { mavenPath } from '../../../src/engine/embedded/fetch-maven.ts';

describe('the table of pinned artefacts', () => {
  test('gives OpenSearch 3.6.0 and Elasticsearch 9.5.3 when no version is asked for', () => {
    expect(distributionOf('opensearch').version).toBe('3.6.0');
    expect(distributionOf('elasticsearch').version).toBe('9.5.3');
  });

  test('names what is pinned when another version is asked for', () => {
    expect(() => distributionOf('elasticsearch', '7.17.0')).toThrow(
      expect.objectContaining({ code: 'bad-option', hint: expect.stringContaining('elasticsearch 8.19.21') }),
    );
  });

  test('pins every file by a size and a whole SHA-256', () => {
    const archives = distributions.flatMap(({ server, plugins }) => [
      server,
      ...plugins.map(({ archive }) => archive),
    ]);
    const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'].map(
      (name) => pinnedRuntime(name)!,
    );
    const all = [...archives, ...platforms.flatMap(({ archive, localeJars }) => [archive, ...localeJars])];
    for (const { bytes, sha256 } of all) {
      expect(bytes).toBeGreaterThan(0);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('has no Java runtime for a platform it does not know', () => {
    expect(pinnedRuntime('sunos-sparc')).toBeUndefined();
  });

  test('finds an artefact where the default layout of a Maven repository has it', () => {
    const { origin } = distributionOf('opensearch').server;
    expect(origin.kind === 'maven' && mavenPath(origin)).toBe(
      'org/opensearch/distribution/integ-test-zip/opensearch/3.6.0/opensearch-3.6.0.zip',
    );
  });
});
