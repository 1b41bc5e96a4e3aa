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

it('bench steps holds two steps, with shares of the states in memory, against one', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'bench-')), 'out.json');
  const extent = ['--documents', '12', '--questions', '2', '--rounds', '1'];
  await benchCommand().parseAsync(['steps', ...extent, '--json', file], { from: 'user' });
  const { ratios, rows, conditions } = JSON.parse(await readFile(file, 'utf8')) as BenchReport;
  expect(conditions).toMatchObject({ documents: 12, questions: 2, rounds: 1, window: 100 });
  expect(rows.map(({ way }) => way)).toEqual([
    'one step',
    ...Object.keys(ratios).map((share) => `two steps, ${share}`),
  ]);
  for (const [share, ratio] of Object.entries(ratios)) expect(ratio, share).toBeGreaterThan(0);
});
