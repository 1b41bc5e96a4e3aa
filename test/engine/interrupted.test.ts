/** `mice backfill` from the command line over a whole collection, stopped as by Ctrl-C. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { openDemoData } from '../../src/demo/data.ts';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { scanSlice } from '../../src/ingest/backfill/scan.ts';
import { openBundle } from '../../src/model/bundle.ts';
import { describeOnEngines } from '../support/engines.ts';
import { type MiceProcess, runMice } from '../support/mice-process.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const MINUTES = 60_000;
const SHARDS = 2;
const DOCUMENTS = 1500;
const root = join(import.meta.dirname, '../..');
/** Abstracts, read where they lie beside the checkout; elsewhere the documentation of the installed packages. */
const abstracts = join(root, '../shared/data/dev/scifact-test');

/** A bulk request with the first documents of the collection. */
let lines = '';
beforeAll(async () => {
  const { corpus } = await openDemoData(root, existsSync(abstracts) ? abstracts : undefined);
  let documents = 0;
  for await (const { id, title, text } of corpus.read()) {
    lines += `{"index":{"_id":${JSON.stringify(id)}}}\n${JSON.stringify({ title, text })}\n`;
    if (++documents === DOCUMENTS) break;
  }
});

describeOnEngines('`mice backfill` of a collection', (under) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await connectEngine({ url: under.url });
    return () => engine.close();
  });

  /** An index that was set up, with the collection written past the proxy. */
  async function filled(): Promise<string> {
    const index = under.freshIndex('interrupted');
    const { dims } = await openBundle(tinyBundle);
    const body = engine.indexBody({ object: 'mice', vectorDims: dims.vector });
    const settings = { index: { ...(body.settings['index'] as object), number_of_shards: SHARDS } };
    await engine.createIndex(index, { ...body, settings });
    await raw(under.url, `/${index}/_bulk`, { body: lines });
    return index;
  }

  function backfill(index: string, ...flags: readonly string[]): MiceProcess {
    const running = runMice([
      ...['backfill', index, '--upstream-url', under.url, '--text-fields', 'title,text', '--json'],
      ...['--model-bundle', tinyBundle, '--model-threads', '1', ...flags],
    ]);
    onTestFinished(() => running.kill());
    return running;
  }

  async function withStates(index: string): Promise<number> {
    await engine.refresh(index);
    const body = { query: { exists: { field: 'mice.states' } } };
    const answer = await engine.ask({ method: 'POST', path: `/${index}/_count`, body });
    return answer.body.count;
  }

  /** By id, what each document holds of ours: the hash of its text, the bundle, the states. */
  async function held(index: string): Promise<ReadonlyMap<string, string>> {
    await engine.refresh(index);
    const search = {
      ...{ _source: ['mice.hash', 'mice.model'], docvalue_fields: ['mice.states'] },
      query: { exists: { field: 'mice.vector' } },
    };
    const found = new Map<string, string>();
    for (let number = 0; number < SHARDS; number++) {
      const slice = { number, of: SHARDS };
      for await (const hits of scanSlice(engine, index, slice, search, new AbortController().signal))
        for (const { _id, _source, ...rest } of hits) {
          const { fields } = rest as { readonly fields?: unknown };
          found.set(_id, JSON.stringify([_source, fields]));
        }
    }
    return found;
  }

  it(
    'interrupted three times ends equal to one that was not',
    async () => {
      const [whole, cut] = [await filled(), await filled()];
      const uninterrupted = backfill(whole);
      expect(await uninterrupted.ended, uninterrupted.printed()).toBe(0);
      for (let interruption = 1; interruption <= 3; interruption++) {
        const before = await withStates(cut);
        // Slow enough that it does not end first.
        const running = backfill(cut, '--rate', '200');
        await expect.poll(() => withStates(cut), { timeout: MINUTES }).toBeGreaterThan(before);
        running.child.kill('SIGINT');
        expect(await running.ended, running.printed()).toBe(130);
      }
      expect(await withStates(cut)).toBeLessThan(DOCUMENTS);
      const last = backfill(cut);
      expect(await last.ended, last.printed()).toBe(0);
      const [one, other] = [await held(whole), await held(cut)];
      expect(one.size).toBe(DOCUMENTS);
      expect(other.size).toBe(DOCUMENTS);
      const otherwise = [...one.keys()].filter((id) => other.get(id) !== one.get(id));
      expect(otherwise).toEqual([]);
    },
    10 * MINUTES,
  );
});
