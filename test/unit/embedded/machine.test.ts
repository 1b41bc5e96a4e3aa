import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { blockingParent } from '../../../src/engine/embedded/account.ts';
import { defaultCacheDirectory } from '../../../src/engine/embedded/cache.ts';
import { requireRoom } from '../../../src/engine/embedded/disk.ts';
import { postGuard } from '../../../src/engine/embedded/guard.ts';
import { freePorts } from '../../../src/engine/embedded/ports.ts';
import { makeRunDirectory, removeRunDirectory } from '../../../src/engine/embedded/run-directory.ts';
import { startEngine } from '../../../src/engine/embedded/start.ts';
import { scratchDirectory } from './scratch.ts';

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('ports', () => {
  test('are all different when any will do', async () => {
    expect(new Set(await freePorts(0, 8)).size).toBe(8);
  });

  test('that are taken are named before anything is fetched', async () => {
    const port = await takenPort();
    const start = startEngine({ port, cacheDirectory: '/nowhere', repositories: {} });
    await expect(start).rejects.toMatchObject({
      code: 'port-taken',
      message: expect.stringContaining(String(port)),
    });
  });

  test.each([-1, 65_536, 1.5, Number.NaN])('%d is none', async (port) => {
    await expect(freePorts(port, 1)).rejects.toMatchObject({ code: 'bad-option' });
  });
});

describe('options of an engine', () => {
  test('a heap too small for a node is refused', async () => {
    await expect(startEngine({ heapMb: 16 })).rejects.toMatchObject({ code: 'bad-option' });
  });
});

describe('the cache directory', () => {
  test('is the one that is configured, else one of the user', () => {
    expect(defaultCacheDirectory({ MICE_CACHE_DIR: '/big/disk', XDG_CACHE_HOME: '/x' })).toBe('/big/disk');
    expect(defaultCacheDirectory({ XDG_CACHE_HOME: '/x' })).toBe('/x/mice-bridge');
    expect(defaultCacheDirectory({})).toMatch(/\/\.cache\/mice-bridge$/);
  });
});

describe('room on the disk', () => {
  test('that is not there is asked for by megabytes', async () => {
    await expect(requireRoom('/no/such/place', 1e18, 'Moving in')).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringMatching(/^Moving in needs 1000000000000 MB/),
    });
  });
});

describe('another account', () => {
  test('is stopped by the first parent that is closed to it', async () => {
    const closed = join(scratchDirectory(), 'closed');
    mkdirSync(closed);
    chmodSync(closed, 0o700);
    expect(await blockingParent(join(closed, 'cache', 'home'))).toBe(closed);
  });

  test('is not stopped by the directory itself, nor by one that is still to be made', async () => {
    expect(await blockingParent('/not/made/yet')).toBeUndefined();
  });
});

describe('the directory of a run', () => {
  const home = () => {
    const directory = scratchDirectory();
    mkdirSync(join(directory, 'config'));
    writeFileSync(join(directory, 'config', 'jvm.options'), '-Xmx1g');
    writeFileSync(join(directory, 'config', 'opensearch.yml'), 'node.name: somebody-else');
    return directory;
  };

  test('has a configuration of its own, without the settings of the distribution', async () => {
    const run = await makeRunDirectory('opensearch', home(), undefined);
    onTestFinished(() => removeRunDirectory(run));
    expect(readdirSync(run.configuration).sort()).toEqual(['jvm.options', 'opensearch.yml']);
    expect(readFileSync(join(run.configuration, 'opensearch.yml'), 'utf8')).toBe('');
  });

  test('leaves the data where the caller wants it', async () => {
    const kept = scratchDirectory();
    const run = await makeRunDirectory('opensearch', home(), kept);
    await removeRunDirectory(run);
    expect([existsSync(run.root), readdirSync(kept)]).toEqual([false, ['opensearch']]);
  });

  test('is not left behind when it cannot be made', async () => {
    const temporary = scratchDirectory();
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(makeRunDirectory('opensearch', '/no/such/home', undefined)).rejects.toThrow('/no/such/home');
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe('the guard of an engine', () => {
  test('leaves the engine alone when it is dismissed', async () => {
    const directory = scratchDirectory();
    const engine = spawn('/bin/sleep', ['60']);
    onTestFinished(() => void engine.kill('SIGKILL'));
    const guard = postGuard(engine.pid!, directory, undefined);
    guard.dismiss();
    await guard.ended;
    expect(engine.exitCode ?? engine.signalCode).toBeNull();
    expect(existsSync(directory)).toBe(true);
  });
});
