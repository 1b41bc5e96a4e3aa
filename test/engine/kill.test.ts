import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { type BackfillOptions, backfill } from '../../src/ingest/backfill/backfill.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { openPlacing } from '../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../src/ingest/text.ts';
import type { Model } from '../../src/model/model.ts';
import { openModel } from '../../src/model/runtime.ts';
import { describeOnEngines } from '../support/engines.ts';
import { runMice, serveMice } from '../support/mice-process.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';
import { twoNodes } from '../support/two-nodes.ts';

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

/** Bulk lines of some of the documents. */
function lines(from: number, to: number): string {
  const numbers = Array.from({ length: to - from }, (_, at) => from + at);
  return numbers.map((at) => `{"index":{"_id":"d${at}"}}\n${document(at)}\n`).join('');
}

async function prepared(engine: Engine, index: string, shards: number, replicas?: number): Promise<void> {
  const body = engine.indexBody({ object: 'mice', vectorDims: model.bundle.dims.vector });
  const settings = {
    ...(body.settings['index'] as object),
    number_of_shards: shards,
    ...(replicas !== undefined && { number_of_replicas: replicas }),
  };
  await engine.createIndex(index, { ...body, settings: { index: settings } });
}

/** Number of the last change of every document that has states, as the node at `url` holds it if it holds them all. */
async function freshOnes(url: string, index: string): Promise<ReadonlyMap<string, number>> {
  await raw(url, `/${index}/_refresh`, { method: 'POST' });
  const query = { exists: { field: 'mice.states' } };
  const body = JSON.stringify({ size: DOCUMENTS, seq_no_primary_term: true, _source: false, query });
  const { text } = await raw(url, `/${index}/_search?preference=_local`, { body });
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
      await raw(under.url, `/${index}/_bulk?refresh=true`, { body: lines(0, DOCUMENTS) });
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
        const body = lines(written, written + part);
        const sent = raw(sidecar.url, `/${index}/_bulk?refresh=true`, { body }).catch(() => undefined);
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
          await raw(sidecar.url, `/${index}/_bulk?refresh=true`, { body });
          const ids = Array.from({ length: part }, (_, at) => `d${written + at}`);
          expect(await encodedBy(sidecar.url)).toBe(ids.filter((id) => !known.has(id)).length);
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

describe('of two nodes (opensearch 3.6.0) one killed at a random moment', () => {
  const cluster = twoNodes();

  it(
    'under a backfill and proxied writes leaves every document once and fresh, none encoded again',
    async () => {
      const { staying, leaving } = cluster;
      const engine = await connectEngine({ url: staying, others: [leaving] });
      const index = 'two-nodes';
      await prepared(engine, index, 2, 1);
      const path = `/_cluster/health/${index}`;
      const query = { wait_for_status: 'green', wait_for_nodes: 2, timeout: '120s' };
      expect((await engine.ask({ method: 'GET', path, query })).body).toMatchObject({ status: 'green' });
      const sidecar = await serveMice('sidecar', [
        ...['--upstream-url', staying, '--upstream-nodes', leaving],
        ...[...texts, ...tiny],
      ]);
      // Half of them past the sidecar, for the backfill; the others through it.
      const half = DOCUMENTS / 2;
      await raw(staying, `/${index}/_bulk?refresh=true`, { body: lines(0, half) });
      const readByBackfill: string[] = [];
      const counted: BackfillOptions['model'] = {
        bundle: model.bundle,
        encodeDocuments(these, how) {
          readByBackfill.push(...these);
          return model.encodeDocuments(these, how);
        },
      };
      const run = (needs: BackfillOptions) =>
        backfill(index, { ...needs, model: counted, rate: 60, leaseMs: 1000 });
      const backfilled = async () => {
        const fresh = await freshOnes(staying, index);
        return new Map([...fresh].filter(([id]) => Number(id.slice(1)) < half));
      };
      /** As somebody does who starts it again until it ends. */
      const filled = async () => {
        while (!(await withNeeds(engine, run).catch(() => undefined))) await sleep(500);
      };
      /** As a client does that sends again what it has no good answer to. */
      const written = async () => {
        for (let at = half; at < DOCUMENTS; ) {
          const answer = await raw(sidecar.url, `/${index}/_bulk`, { body: lines(at, at + 20) });
          if (answer.status === 200 && !JSON.parse(answer.text).errors) at += 20;
          await sleep(300);
        }
      };
      const killed = async () => {
        await until(async () => (await backfilled()).size > 20);
        await sleep(Math.random() * 1000);
        const fresh = await backfilled();
        readByBackfill.length = 0;
        await cluster.kill();
        return fresh;
      };
      const [fresh] = await Promise.all([killed(), filled(), written()]);
      await expectAllFreshOnce(engine, index);
      expect(fresh.size).toBeLessThan(half);
      expectUntouched(fresh, await backfilled());
      const textOf = (id: string) => `number ${id.slice(1)}`;
      expect([...fresh.keys()].filter((id) => readByBackfill.includes(textOf(id)))).toEqual([]);
      expect(await encodedBy(sidecar.url)).toBe(DOCUMENTS - half);
      await sidecar.kill();
      await engine.close();
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
