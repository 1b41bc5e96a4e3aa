import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { BenchReport } from '../../src/bench/report.ts';
import { benchCommand } from '../../src/cli/bench.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

beforeAll(() => void vi.stubEnv('MICE_MODEL_BUNDLE', tinyBundle));
afterAll(() => void vi.unstubAllEnvs());

/** What `mice bench NAME` writes with twelve documents, two questions and one round. */
async function smallest(name: string): Promise<BenchReport> {
  const file = join(mkdtempSync(join(tmpdir(), 'bench-')), 'out.json');
  const extent = ['--documents', '12', '--questions', '2', '--rounds', '1'];
  await benchCommand().parseAsync([name, ...extent, '--json', file], { from: 'user' });
  return JSON.parse(await readFile(file, 'utf8')) as BenchReport;
}

it('bench steps holds two steps, with shares of the states in memory, against one', async () => {
  const { ratios, rows, conditions } = await smallest('steps');
  expect(conditions).toMatchObject({ documents: 12, questions: 2, rounds: 1, window: 100 });
  expect(rows.map(({ way }) => way)).toEqual([
    'one step',
    ...Object.keys(ratios).map((share) => `two steps, ${share}`),
  ]);
  for (const [share, ratio] of Object.entries(ratios)) expect(ratio, share).toBeGreaterThan(0);
});

it('bench size follows the time of a search from one copy of the documents to sixteen', async () => {
  const { ratios, rows, conditions } = await smallest('size');
  expect(conditions).toMatchObject({ questions: 2, rounds: 1, window: 100 });
  expect(rows.map(({ documents }) => documents)).toEqual([12, 24, 48, 96, 192]);
  for (const { clusterP50Ms, rerankedP50Ms } of rows) expect([clusterP50Ms, rerankedP50Ms]).not.toContain(0);
  expect(Object.keys(ratios)).toEqual(['clusterMostVsLeast', 'rerankedMostVsLeast', 'addedMostVsLeast']);
});
