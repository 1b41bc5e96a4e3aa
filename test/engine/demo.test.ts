import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDemoData } from '../../src/demo/data.ts';
import type { DemoReport } from '../../src/demo/report.ts';
import { runDemo } from '../../src/demo/run.ts';
import { describeOnEngines } from '../support/engines.ts';
import { passages, question } from '../support/passages.ts';
import { proxyBefore, raw } from '../support/proxy.ts';

/** A directory in BEIR layout with the small collection. */
function beirDirectory(withQuestions: boolean): string {
  const directory = mkdtempSync(join(tmpdir(), 'mice-demo-'));
  const lines = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const documents = passages.map(({ id, title, text }) => ({ _id: id, title, text }));
  writeFileSync(join(directory, 'corpus.jsonl'), lines(documents));
  if (!withQuestions) return directory;
  writeFileSync(join(directory, 'queries.jsonl'), lines([{ _id: 'q', text: question }]));
  mkdirSync(join(directory, 'qrels'));
  writeFileSync(join(directory, 'qrels', 'test.tsv'), 'query-id\tcorpus-id\tscore\nq\tmove\t2\nq\tmelt\t1\n');
  return directory;
}

const directories = { judged: beirDirectory(true), bare: beirDirectory(false) };
afterAll(() => {
  for (const directory of Object.values(directories)) rmSync(directory, { recursive: true });
});

const silent = () => ({ advance() {}, reach() {}, stop() {} });

describeOnEngines('The demo', (engine) => {
  const proxy = proxyBefore(engine);
  const run = async (directory: string) => {
    const { model } = proxy.server.services;
    return runDemo({
      direct: proxy.engine,
      proxied: proxy.proxied,
      proxyUrl: proxy.url,
      index: engine.freshIndex('demo'),
      bundle: model.bundle.model,
      fields: { object: 'mice', vectorDims: model.bundle.dims.vector },
      data: await openDemoData('', directory),
      startProgress: silent,
    });
  };

  it('reports both orders, scores, the verdict and the time of every stage', async () => {
    const { report } = await run(directories.judged);
    const [asked] = report.queries;
    expect(report.engine).toEqual({ name: engine.name, version: engine.version });
    expect(report.corpus).toMatchObject({ documents: passages.length, indexMs: expect.any(Number) });
    expect(asked?.query).toBe(question);
    expect(asked?.reranked[0]).toBe('move');
    expect(asked?.reranked.toSorted()).toEqual(asked?.firstStage.toSorted());
    expect(asked?.scores.toSorted((a, b) => (b ?? 0) - (a ?? 0))).toEqual(asked?.scores);
    expect(asked?.verdict).toMatch(/^reranked; window=\d+; scored=\d+; model=.+@[0-9a-f]+; took=\d+$/);
    expect(Object.keys(asked?.timingsMs ?? {}).toSorted()).toEqual([
      'query',
      'queue',
      'score',
      'states',
      'total',
      'upstream',
    ]);
    expect(report.quality['ndcg@10']?.reranked).toBe(asked?.['ndcg@10']?.reranked);
  });

  it('fills an index with a collection that brings no questions', async () => {
    const { report, answers } = await run(directories.bare);
    expect(report.corpus.documents).toBe(passages.length);
    expect([answers, report.queries, report.quality]).toEqual([[], [], {}]);
  });
});

describe('mice demo', () => {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const json = join(directories.judged, 'shown.json');
  let child: ChildProcess;
  let shown = '';

  const demo = (...args: string[]) => {
    shown = '';
    child = spawn(process.execPath, [main, 'demo', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      shown += chunk;
    });
  };
  const until = async (words: string) => {
    while (!shown.includes(words)) {
      if (child.exitCode !== null) throw new Error(`mice demo ended with ${child.exitCode}:\n${shown}`);
      await setTimeout(100);
    }
  };

  describe('left running', () => {
    beforeAll(async () => {
      demo('--data', directories.judged, '--json', json);
      await until('Ctrl-C ends all of it.');
    });
    afterAll(() => {
      if (child.exitCode === null) child.kill('SIGKILL');
    });

    it('shows both orders and writes what it showed', () => {
      expect(shown).toContain(question);
      expect(shown).toMatch(/the cluster +re-ranked/);
      expect(shown).toMatch(/nDCG@10 over 1 question /);
      const report = JSON.parse(readFileSync(json, 'utf8')) as DemoReport;
      expect(report.queries.map(({ query }) => query)).toEqual([question]);
    });

    it('serves the page and the cluster, and Ctrl-C ends both', async () => {
      const page = new URL(/^Page +(\S+)$/m.exec(shown)?.[1] ?? '');
      const cluster = /^Cluster +(\S+)$/m.exec(shown)?.[1] ?? '';
      expect((await raw(page.origin, page.pathname)).text).toContain('mice-bridge playground');
      expect((await raw(cluster, '/mice-demo/_count')).status).toBe(200);
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
      await expect(raw(cluster, '/')).rejects.toThrow();
      await expect(raw(page.origin, page.pathname)).rejects.toThrow();
    });
  });

  it('ends by itself with --once', async () => {
    demo('--once', '--data', directories.judged, '--json', '-');
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect((JSON.parse(shown) as DemoReport).corpus.documents).toBe(passages.length);
  });
});
