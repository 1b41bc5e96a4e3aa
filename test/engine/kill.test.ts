import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { BackfillOptions } from '../../src/ingest/backfill/backfill.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { openPlacing } from '../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../src/ingest/text.ts';
import type { Model } from '../../src/model/model.ts';
import { openModel } from '../../src/model/runtime.ts';
import { describeOnEngines } from '../support/engines.ts';
import { runMice, serveMice } from '../support/mice-process.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const DOCUMENTS = 600;
/** Processes are started again and again. */
const MINUTES = 60_000;
const selectionOf = () => plainSelection(['title', 'text']);
const tiny = ['--model-bundle', tinyBundle, '--model-threads', '1', '--log-level', 'silent'];
const texts = ['--text-fields', 'title,text'];

let model: Model;
beforeAll(async () => {
  model = await openModel(tinyBundle, { threads: 1 });
  return () => model.close();
});

const document = (at: number) => `{"text":"number ${at}"}`;

async function prepared(engine: Engine, index: string, shards: number): Promise<void> {
  const body = engine.indexBody({ object: 'mice', vectorDims: model.bundle.dims.vector });
  const settings = {
    ...(body.settings['index'] as object),
    number_of_shards: shards,
  };
  await engine.createIndex(index, { ...body, settings: { index: settings } });
}

/** Written past the proxy. */
async function fill(url: string, index: string): Promise<void> {
  const lines = Array.from({ length: DOCUMENTS }, (_, at) => `{"index":{"_id":"d${at}"}}\n${document(at)}\n`);
  await raw(url, `/${index}/_bulk?refresh=true`, { body: lines.join('') });
}

/** Number of the last change of every document that has states. */
async function freshOnes(url: string, index: string): Promise<ReadonlyMap<string, number>> {
  await raw(url, `/${index}/_refresh`, { method: 'POST' });
  const query = { exists: { field: 'mice.states' } };
  const body = JSON.stringify({ size: DOCUMENTS, seq_no_primary_term: true, _source: false, query });
  const { text } = await raw(url, `/${index}/_search`, { body });
  const hits = JSON.parse(text).hits.hits as { _id: string; _seq_no: number }[];
  return new Map(hits.map(({ _id, _seq_no }) => [_id, _seq_no]));
}

const signal = new AbortController().signal;

/** What a backfill and its verification need, for as long as `use` runs. */
async function withNeeds<T>(engine: Engine, use: (needs: BackfillOptions) => Promise<T>): Promise<T> {
  const placing = openPlacing({ engine, object: 'mice', rules: [], onFault: () => {} });
  const needs = { engine, placing, model, object: 'mice', selectionOf, signal };
  return use(needs).finally(() => placing.close());
}

async function expectAllFreshOnce(engine: Engine, index: string): Promise<void> {
  const verify = (needs: BackfillOptions) => verifyStates(index, { ...needs, model: model.bundle.model });
  expect(await withNeeds(engine, verify)).toEqual([
    { index, documents: DOCUMENTS, fresh: DOCUMENTS, stale: 0, missing: 0, withoutText: 0 },
  ]);
  const found = await freshOnes(engine.address.url, index);
  expect([...found.keys()].sort()).toEqual(Array.from({ length: DOCUMENTS }, (_, at) => `d${at}`).sort());
}

/** Documents that were fresh are those that were not written again. */
function expectUntouched(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): void {
  expect([...before].filter(([id, change]) => now.get(id) !== change)).toEqual([]);
}

describeOnEngines('killed', (under) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await connectEngine({ url: under.url });
    return () => engine.close();
  });

  it(
    'three times at random moments, a backfill ends with every document once and fresh, none encoded again',
    async () => {
      const index = under.freshIndex('killed');
      await prepared(engine, index, 2);
      await fill(under.url, index);
      const args = [
        'backfill',
        index,
        '--upstream-url',
        under.url,
        '--lease',
        '1',
        '--rate',
        '150',
        '--json',
      ];
      const run = () => runMice([...args, ...texts, ...tiny.slice(0, 4)]);
      let fresh: ReadonlyMap<string, number> = new Map();
      for (let kill = 1; kill <= 3; kill++) {
        const running = run();
        // The killing begins where this run has written something, so that each gets further than the last.
        await until(async () => (await freshOnes(under.url, index)).size > fresh.size);
        await sleep(Math.random() * 300);
        await running.kill();
        const now = await freshOnes(under.url, index);
        expectUntouched(fresh, now);
        fresh = now;
      }
      expect(fresh.size).toBeLessThan(DOCUMENTS);
      const last = run();
      expect(await last.ended, last.printed()).toBe(0);
      await expectAllFreshOnce(engine, index);
      expectUntouched(fresh, await freshOnes(under.url, index));
    },
    10 * MINUTES,
  );

  it(
    'three times while documents are written through it, a sidecar loses and repeats nothing',
    async () => {
      const index = under.freshIndex('through');
      await prepared(engine, index, 1);
      const start = () => serveMice('sidecar', ['--upstream-url', under.url, ...texts, ...tiny]);
      let sidecar = await start();
      let written = 0;
      let kills = 0;
      while (written < DOCUMENTS) {
        const part = Math.min(100, DOCUMENTS - written);
        const lines = Array.from(
          { length: part },
          (_, at) => `{"index":{"_id":"d${written + at}"}}\n${document(written + at)}\n`,
        );
        const sent = raw(sidecar.url, `/${index}/_bulk?refresh=true`, { body: lines.join('') }).catch(
          () => undefined,
        );
        const isLast = kills === 3;
        if (!isLast) {
          await sleep(Math.random() * 60);
          await sidecar.kill();
          kills++;
        }
        const answer = await sent;
        if (answer?.status === 200 && !JSON.parse(answer.text).errors) written += part;
        if (isLast) continue;
        sidecar = await start();
        // Read only now: what the killed one had sent on, the cluster may have finished after its death.
        const known = await freshOnes(under.url, index);
        // The same documents once more, as a client does that had no answer: those that arrived are known by their text.
        if (answer === undefined) {
          await raw(sidecar.url, `/${index}/_bulk?refresh=true`, { body: lines.join('') });
          expect(await encodedBy(sidecar.url)).toBe(
            part - lines.filter((_, at) => known.has(`d${written + at}`)).length,
          );
          written += part;
        }
      }
      await sidecar.kill();
      expect(kills).toBe(3);
      await expectAllFreshOnce(engine, index);
    },
    10 * MINUTES,
  );
});

/** Documents that a server has encoded since it started. */
async function encodedBy(url: string): Promise<number> {
  const { text } = await raw(url, '/_mice/metrics');
  return Number(/^mice_documents_total\{[^}]*"enriched"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 2000) throw new Error('It did not come to that.');
    await sleep(20);
  }
}
