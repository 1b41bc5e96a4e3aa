import { beforeAll, expect, it } from 'vitest';
import { connectEngine } from '../../src/engine/connect.ts';
import type { Engine } from '../../src/engine/port.ts';
import { type BackfillOptions, backfill } from '../../src/ingest/backfill/backfill.ts';
import { JOBS_INDEX } from '../../src/ingest/backfill/jobs.ts';
import { verifyStates } from '../../src/ingest/backfill/verify.ts';
import { openPlacing, type Placing } from '../../src/ingest/stores/placing.ts';
import { plainSelection } from '../../src/ingest/text.ts';
import type { Model } from '../../src/model/model.ts';
import { openModel } from '../../src/model/runtime.ts';
import { describeOnEngines } from '../support/engines.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const DOCUMENTS = 150;

describeOnEngines('a backfill', (under) => {
  let engine: Engine;
  let model: Model;
  let placing: Placing;
  beforeAll(async () => {
    engine = await connectEngine({ url: under.url });
    model = await openModel(tinyBundle, { threads: 1 });
    placing = openPlacing({ engine, object: 'mice', rules: [], onFault: () => {} });
    return async () => {
      placing.close();
      await model.close();
      await engine.close();
    };
  });

  const signal = new AbortController().signal;
  const selectionOf = () => plainSelection(['title', 'text']);
  const options = (over: Partial<BackfillOptions> = {}): BackfillOptions => ({
    ...{ engine, model, object: 'mice', selectionOf, signal, placing },
    ...{ sliceDocuments: 20, leaseMs: 2000 },
    ...over,
  });
  const verify = (index: string) =>
    verifyStates(index, { engine, placing, object: 'mice', model: model.bundle.model, selectionOf, signal });

  /** An index of two shards that was set up, with documents that were written past the proxy. */
  async function filled(documents = DOCUMENTS): Promise<string> {
    const index = under.freshIndex('filled');
    const body = engine.indexBody({ object: 'mice', vectorDims: model.bundle.dims.vector });
    const settings = { index: { ...(body.settings['index'] as object), number_of_shards: 2 } };
    await engine.createIndex(index, { ...body, settings });
    const lines = Array.from(
      { length: documents },
      (_, at) =>
        `{"index":{"_id":"d${at}"${at % 7 === 0 ? ',"routing":"r"' : ''}}}\n{"text":"number ${at}","n":9223372036854775807}\n`,
    );
    await raw(under.url, `/${index}/_bulk?refresh=true`, { body: lines.join('') });
    return index;
  }

  it('gives all documents states, once, and keeps what else they hold', async () => {
    const index = await filled();
    expect(await verify(index)).toEqual([
      { index, documents: DOCUMENTS, fresh: 0, stale: 0, missing: DOCUMENTS, withoutText: 0 },
    ]);
    const [summary] = await backfill(index, options());
    expect(summary).toMatchObject({ index, scanned: DOCUMENTS, written: DOCUMENTS, failed: 0, slices: 8 });
    expect(await verify(index)).toMatchObject([{ documents: DOCUMENTS, fresh: DOCUMENTS }]);
    expect(await engine.count(index)).toBe(DOCUMENTS);
    const { text } = await raw(under.url, `/${index}/_doc/d7?routing=r`);
    expect(text).toContain('"n":9223372036854775807');
    expect(await backfill(index, options())).toMatchObject([{ fresh: DOCUMENTS, written: 0 }]);
  });

  it('interrupted three times and started again ends like one that was not', async () => {
    const index = await filled();
    let encoded = 0;
    const counting: BackfillOptions['model'] = {
      bundle: model.bundle,
      encodeDocuments(texts, how) {
        encoded += texts.length;
        return model.encodeDocuments(texts, how);
      },
    };
    for (let stop = 1; stop <= 3; stop++) {
      const controller = new AbortController();
      const interrupted = backfill(index, {
        ...options({ model: counting, signal: controller.signal }),
        onProgress: (scanned) => scanned >= 30 * stop && controller.abort(new Error('interrupted')),
      });
      await expect(interrupted).rejects.toThrow('interrupted');
    }
    await backfill(index, options({ model: counting }));
    expect(await verify(index)).toMatchObject([{ documents: DOCUMENTS, fresh: DOCUMENTS }]);
    // What was encoded when it was interrupted, and not written, is all that may be encoded again.
    expect(encoded).toBeLessThan(DOCUMENTS + 3 * 2 * 40);
  });

  it('shares its work with others, and overwrites nothing that is written meanwhile', async () => {
    const index = await filled();
    const other = await connectEngine({ url: under.url });
    const write = async () => {
      for (let at = 0; at < 30; at++)
        await raw(under.url, `/${index}/_doc/d${at * 7 + 1}`, {
          method: 'PUT',
          body: `{"text":"newer ${at}"}`,
        });
    };
    const [summaries] = await Promise.all([
      Promise.all([
        backfill(index, options({ leaseMs: 60_000 })),
        backfill(index, options({ engine: other, leaseMs: 60_000 })),
      ]),
      write(),
    ]);
    await other.close();
    expect(summaries[0]![0]!.job).toBe(summaries[1]![0]!.job);
    for (const [summary] of summaries) expect(summary).toMatchObject({ failed: 0 });
    await backfill(index, options());
    const expected = await engine.count(index);
    expect(await verify(index)).toMatchObject([{ documents: expected, fresh: expected }]);
    const { text } = await raw(under.url, `/${index}/_doc/d8`);
    expect(JSON.parse(text)._source.text).toBe('newer 1');
  });

  it('takes only what a query finds, and follows an alias to its indices', async () => {
    const [one, two] = [await filled(10), await filled(10)];
    const alias = under.freshIndex('alias');
    const actions = [one, two].map((index) => ({ add: { index, alias } }));
    await raw(under.url, '/_aliases', { body: JSON.stringify({ actions }) });
    const some = await backfill(alias, options({ query: { ids: { values: ['d1', 'd2'] } } }));
    expect(some.map(({ written }) => written)).toEqual([2, 2]);
    await backfill(alias, options());
    expect((await verify(alias)).map(({ fresh }) => fresh)).toEqual([10, 10]);
  });

  it('keeps its checkpoints in one small hidden index', async () => {
    const { text } = await raw(under.url, `/${JOBS_INDEX}/_settings`);
    expect(JSON.parse(text)[JOBS_INDEX].settings.index.hidden).toBe('true');
  });
});
