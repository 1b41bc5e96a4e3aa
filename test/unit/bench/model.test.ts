import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { benchEncode } from '../../../src/bench/encode.ts';
import { growthPlot } from '../../../src/bench/growth-plot.ts';
import type { BenchReport } from '../../../src/bench/report.ts';
import { benchRerank } from '../../../src/bench/rerank.ts';
import { benchCommand } from '../../../src/cli/bench.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const quietly = { directory: tinyBundle, rounds: 1, signal: new AbortController().signal, onRound: () => {} };

it('bench rerank holds scoring against its peers and the limits, and follows its growth', async () => {
  const report = await benchRerank({ ...quietly, growth: true, clients: false });
  const promised = [
    'crossEncoderSameDtype',
    'crossEncoderFp32',
    'tinyBertInt8',
    'maxSim',
    'allCoresVsOne',
    'limitFp32',
    'limitInt8',
    'answerShare',
  ];
  for (const name of promised) expect(report.ratios[name], name).toBeGreaterThan(0);
  expect(report.conditions).toMatchObject({
    candidates: 100,
    queryTokens: 12,
    documentTokens: 64,
    threads: 1,
  });
  const curves = report.rows.flatMap(({ curve, x }) => (curve === undefined ? [] : [`${curve} ${x}`]));
  expect(curves).toEqual(expect.arrayContaining(['candidates 1000', 'documentTokens 512', 'queryTokens 64']));
}, 120_000);

it('bench encode holds the fast query encoder and two layers against deeper ones', async () => {
  const { ratios } = await benchEncode(quietly);
  for (const name of [
    'queryAloneVsTogether',
    'queryFastVsTeacher',
    'twoLayerVsFullDepth',
    'twoLayerVsTwelve',
  ])
    expect(ratios[name], name).toBeGreaterThan(0);
}, 120_000);

it('an interrupted measurement ends with what it was interrupted by', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(benchEncode({ ...quietly, signal })).rejects.toThrow('enough');
}, 60_000);

it('the command writes the whole report to a file', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'bench-')), 'out.json');
  const flags = ['--bundle', tinyBundle, '--rounds', '1', '--json', file];
  await benchCommand().parseAsync(['encode', ...flags], { from: 'user' });
  const report = JSON.parse(await readFile(file, 'utf8')) as BenchReport;
  expect(Object.keys(report)).toEqual(['machine', 'conditions', 'ratios', 'rows']);
}, 60_000);

it('the plot has a panel a curve and a mark a point', () => {
  const rows = [
    { what: 'growth', curve: 'candidates', x: 10, cpuMs: 10, lawMs: 11 },
    { what: 'growth', curve: 'candidates', x: 100, cpuMs: 100, lawMs: 99 },
    { what: 'growth', curve: 'queryTokens', x: 4, cpuMs: 7, lawMs: 7 },
    { what: 'mice', cpuMs: 100 },
  ];
  const drawn = growthPlot({ rows });
  expect(drawn.match(/<circle /g)).toHaveLength(3);
  expect(drawn.match(/class="name"/g)).toHaveLength(2);
  expect(drawn).toMatch(/^<svg xmlns=/);
});
