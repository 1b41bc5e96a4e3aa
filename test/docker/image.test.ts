import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bulkLines, search } from '../support/passages.ts';
import { raw } from '../support/proxy.ts';

/** The client alone does not do: an engine has to answer. */
const engine = spawnSync('docker', ['info', '--format', '{{.ServerVersion}}'], {
  encoding: 'utf8',
  timeout: 20_000,
});
const available = engine.status === 0 && engine.stdout.trim() !== '';
if (!available) process.stderr.write('docker suite skipped: no Docker engine answers (docker info)\n');

describe.skipIf(!available)('the composed containers', () => {
  let environment: StartedDockerComposeEnvironment;
  let url: string;

  beforeAll(async () => {
    const folder = fileURLToPath(new URL('../../docker', import.meta.url));
    environment = await new DockerComposeEnvironment(folder, 'compose.yaml')
      .withBuild()
      .withWaitStrategy('mice-1', Wait.forHealthCheck())
      .up();
    const mice = environment.getContainer('mice-1');
    url = `http://${mice.getHost()}:${mice.getMappedPort(9201)}`;
  });
  afterAll(() => environment?.down({ removeVolumes: true }));

  it('re-rank a search on an index that nobody has prepared', async () => {
    await raw(url, '/_bulk?refresh=true', { body: bulkLines('docs') });
    const answer = await raw(url, '/docs/_search', {
      body: JSON.stringify(search),
      headers: { 'x-mice-deadline': '60000' },
    });
    expect(answer.headers['x-mice']).toMatch(/^reranked/);
    expect(JSON.parse(answer.text).hits.hits[0]._id).toBe('move');
  });
});
