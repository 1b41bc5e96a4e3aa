import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { distributions } from '../../src/engine/embedded/artifacts.ts';
import { type EmbeddedEngine, type StartOptions, startEngine } from '../../src/engine/embedded/start.ts';
import { describeOnEngines } from '../support/engines.ts';

interface Hits {
  readonly hits: { readonly hits: readonly { readonly _id: string; readonly _source: unknown }[] };
}

async function ask<T>(url: string, method = 'GET', body?: unknown): Promise<T> {
  const answer = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const running: EmbeddedEngine[] = [];

async function start(options: StartOptions): Promise<EmbeddedEngine> {
  const engine = await startEngine(options);
  running.push(engine);
  return engine;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.stop()));
});

describeOnEngines('an embedded engine', (engine) => {
  let index: string;

  beforeAll(async () => {
    index = engine.freshIndex('embedded');
    await ask(`${engine.url}/${index}`, 'PUT', { mappings: { properties: { text: { type: 'text' } } } });
    await ask(`${engine.url}/${index}/_doc/owl?refresh=true`, 'PUT', { text: 'Owls hunt at night' });
    await ask(`${engine.url}/${index}/_doc/hen?refresh=true`, 'PUT', { text: 'Hens sleep at night' });
  });

  test('indexes documents and finds them by their words', async () => {
    const query = { query: { match: { text: 'hunt' } } };
    const { hits } = await ask<Hits>(`${engine.url}/${index}/_search`, 'POST', query);
    expect(hits.hits.map(({ _id, _source }) => [_id, _source])).toEqual([
      ['owl', { text: 'Owls hunt at night' }],
    ]);
  });

  test('is of the version that was asked for', async () => {
    const { nodes } = await ask<{ nodes: Record<string, { version: string }> }>(`${engine.url}/_nodes`);
    expect(Object.values(nodes).map(({ version }) => version)).toEqual([engine.version]);
  });

  test('listens on the loopback alone', async () => {
    const { nodes } = await ask<{ nodes: Record<string, { http: { bound_address: string[] } }> }>(
      `${engine.url}/_nodes/http`,
    );
    for (const { http } of Object.values(nodes)) {
      expect(http.bound_address).toEqual([new URL(engine.url).host]);
    }
  });
});

describe('the plugins of the embedded OpenSearch', () => {
  test('work on the pinned Java runtime: Lucene vectors and the analyzer that needs locale data', async () => {
    const engine = await start({ engine: 'opensearch', java: 'pinned' });
    const vector = {
      type: 'knn_vector',
      dimension: 2,
      method: { name: 'hnsw', engine: 'lucene', space_type: 'l2' },
    };
    const text = { type: 'text', analyzer: 'thai' };
    await ask(`${engine.url}/v`, 'PUT', {
      settings: { 'index.knn': true },
      mappings: { properties: { vector, text } },
    });
    await ask(`${engine.url}/v/_doc/near?refresh=true`, 'PUT', { vector: [1, 0], text: 'x' });
    await ask(`${engine.url}/v/_doc/far?refresh=true`, 'PUT', { vector: [0, 9], text: 'x' });
    const { hits } = await ask<Hits>(`${engine.url}/v/_search`, 'POST', {
      query: { knn: { vector: { vector: [1, 1], k: 2 } } },
    });
    expect(hits.hits.map(({ _id }) => _id)).toEqual(['near', 'far']);
  });
});

describe('the life of an embedded engine', () => {
  const [oldest] = distributions.filter(({ engine }) => engine === 'elasticsearch').slice(-1);

  test('a stopped engine leaves no process, no directory and a free port', async () => {
    const engine = await start({ engine: 'elasticsearch', version: oldest!.version });
    await ask(`${engine.url}/_cluster/health`);
    await engine.stop();
    expect(isAlive(engine.pid)).toBe(false);
    expect(existsSync(engine.directory)).toBe(false);
    await expect(fetch(engine.url)).rejects.toThrow();
    await expect(engine.exited).resolves.toMatchObject({ asked: true });
  });

  test('an engine that is killed from outside is reported', async () => {
    const engine = await start({ engine: 'elasticsearch' });
    process.kill(engine.pid, 'SIGKILL');
    await expect(engine.exited).resolves.toEqual({ status: null, signal: 'SIGKILL', asked: false });
  });

  test('data in a named directory is there after a restart', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'kept-'));
    chmodSync(dataDirectory, 0o755);
    try {
      const first = await start({ engine: 'elasticsearch', dataDirectory });
      await ask(`${first.url}/kept/_doc/1?refresh=true`, 'PUT', { text: 'still here' });
      await first.stop();
      const second = await start({ engine: 'elasticsearch', dataDirectory });
      const found = await ask<{ _source: unknown }>(`${second.url}/kept/_doc/1`);
      expect(found._source).toEqual({ text: 'still here' });
      await second.stop();
    } finally {
      rmSync(dataDirectory, { recursive: true });
    }
  });

  test('a setting of the caller takes the place of ours', async () => {
    const engine = await start({
      engine: 'elasticsearch',
      settings: { 'node.name': 'mouse-1', 'node.attr.zone': 'attic' },
    });
    const { nodes } = await ask<{ nodes: Record<string, { name: string; attributes: unknown }> }>(
      `${engine.url}/_nodes`,
    );
    expect(Object.values(nodes)[0]).toMatchObject({ name: 'mouse-1', attributes: { zone: 'attic' } });
  });

  test('an unknown setting ends the start with the words of the engine, and leaves nothing behind', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'refused-'));
    chmodSync(temporary, 0o755);
    vi.stubEnv('TMPDIR', temporary);
    try {
      await expect(start({ settings: { 'no.such.setting': 1 } })).rejects.toMatchObject({
        code: 'engine-failed',
        message: expect.stringContaining('no.such.setting'),
      });
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      rmSync(temporary, { recursive: true });
    }
  });

  test.each(['opensearch', 'elasticsearch'])('%s does not outlive an owner that is killed', async (name) => {
    const owner = spawn(
      process.execPath,
      [fileURLToPath(new URL('../support/engine-owner.ts', import.meta.url)), name],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const { pid, directory } = JSON.parse(line) as { pid: number; directory: string };
    expect(isAlive(pid)).toBe(true);
    owner.kill('SIGKILL');
    await expect.poll(() => isAlive(pid) || existsSync(directory), { timeout: 30_000 }).toBe(false);
  });

  test('the command prints where the engine is and ends it when interrupted', async () => {
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
    const options = [
      'engine',
      '--json',
      '--port',
      '0',
      '--engine',
      'elasticsearch',
      '--engine-version',
      '8.19.21',
    ];
    const command = spawn(process.execPath, [main, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    command.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await expect.poll(() => printed, { timeout: 100_000 }).toContain('}');
    const { name, version, url } = JSON.parse(printed) as Record<string, string>;
    expect({ name, version }).toEqual({ name: 'elasticsearch', version: '8.19.21' });
    await ask(`${url}/_cluster/health`);
    command.kill('SIGINT');
    await expect(once(command, 'exit')).resolves.toEqual([0, null]);
    await expect(fetch(`${url}/_cluster/health`)).rejects.toThrow();
  });
});
