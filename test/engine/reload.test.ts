import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { setupIndex } from '../../src/ingest/setup.ts';
import { openPlacing } from '../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../src/ingest/text.ts';
import { openBundle } from '../../src/model/bundle.ts';
import { describeOnEngines } from '../support/engines.ts';
import { type MiceProcess, serveMice } from '../support/mice-process.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const DOCUMENTS = 200;

describeOnEngines('a reload of the configuration', (engine) => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mice-reload-'));
    return () => rm(directory, { recursive: true });
  });

  it('while documents are swept and written back ends with all of them fresh, and says what needs a restart', async () => {
    const index = engine.freshIndex('reloaded');
    const client = await connectEngine({ url: engine.url });
    const { dims } = await openBundle(tinyBundle);
    await setupIndex(client, index, { object: 'mice', vectorDims: dims.vector });
    const lines = Array.from({ length: DOCUMENTS }, (_, at) => `{"index":{}}\n{"text":"ice number ${at}"}\n`);
    await raw(engine.url, `/${index}/_bulk?refresh=true`, { body: lines.join('') });

    const file = join(directory, `${index}.yml`);
    const configure = (sweepRate: number, more: object = {}) => {
      const settings = {
        upstream: { url: engine.url },
        model: { bundle: tinyBundle, threads: 1 },
        log: { level: 'info' },
        rerank: { deadline: 60_000 },
        sweep: { indices: [index], interval: 1, rate: sweepRate },
        cache: { 'write-back': true, ...more },
      };
      return writeFile(file, stringify(settings));
    };
    await configure(4);
    const served = await serveMice('serve', ['--config', file]);
    try {
      for (const [reloads, rate] of [4, 5, 6, 1000].entries()) {
        // Documents of this search are read on sight, and written back while the sweep is under way.
        const query = { match: { text: `ice ${10 * reloads}` } };
        const body = JSON.stringify({ query, size: 20 });
        const sent = raw(served.url, `/${index}/_search`, { body });
        await configure(rate, reloads > 2 ? { path: join(directory, 'elsewhere') } : {});
        served.child.kill('SIGHUP');
        expect((await sent).headers['x-mice']).toMatch(/^reranked/);
        await expect.poll(() => said(served, 'settings reloaded').length, patient).toBe(reloads + 1);
      }
      await expect.poll(() => fresh(client, index), patient).toBe(DOCUMENTS);
      // A sweep is counted when it ends; those that a reload stopped are not.
      await expect.poll(() => counted(served.url, 'swept'), patient).toBeGreaterThan(0);
      expect(await counted(served.url, 'written-back')).toBeGreaterThan(0);
      expect(await counted(served.url, 'swept')).toBeLessThan(DOCUMENTS);
      const troubles = entries(served).filter(({ level }) => level >= 40);
      expect(troubles).toMatchObject([
        { kept: ['cache.path'], msg: 'changed, and in force after a restart only: cache.path' },
      ]);
    } finally {
      served.child.kill('SIGTERM');
      await served.ended;
      await client.close();
    }
    expect(await served.ended).toBe(0);
  }, 180_000);
});

const patient = { timeout: 90_000 };

interface LogEntry {
  readonly level: number;
  readonly msg: string;
  readonly kept?: readonly string[];
}

function entries({ printed }: MiceProcess): readonly LogEntry[] {
  return printed()
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line));
}

function said(served: MiceProcess, message: string): readonly LogEntry[] {
  return entries(served).filter(({ msg }) => msg === message);
}

async function fresh(client: Engine, index: string): Promise<number> {
  const { model } = await openBundle(tinyBundle);
  const selectionOf = () => plainSelection(['title', 'text']);
  const placing = openPlacing({ engine: client, object: 'mice', rules: [], onFault: () => {} });
  const needs = { engine: client, placing, model, object: 'mice', selectionOf };
  const [counts] = await verifyStates(index, { ...needs, signal: new AbortController().signal });
  placing.close();
  return counts!.fresh;
}

async function counted(url: string, what: string): Promise<number> {
  const { text } = await raw(url, '/_mice/metrics');
  return Number(
    new RegExp(`^mice_documents_total\\{[^}]*"${what}"[^}]*\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
  );
}
