import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { compareRatios } from '../../../src/bench/compare.ts';
import { benchCommand } from '../../../src/cli/bench.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const before = { ratios: { crossEncoderFp32: 200, dataPathShare: 0.05, gigaOperationsInt8: 180, gone: 1 } };

it('a ratio is worse when it fell by more than a fifth, and a share when it grew', () => {
  const now = { ratios: { crossEncoderFp32: 150, dataPathShare: 0.05 } };
  expect(compareRatios(before, now)).toEqual([
    { ratio: 'crossEncoderFp32', before: 200, now: 150, gain: 0.75, isWorse: true },
    { ratio: 'dataPathShare', before: 0.05, now: 0.05, gain: 1, isWorse: false },
  ]);
  expect(compareRatios(before, { ratios: { dataPathShare: 0.1 } })[0]).toMatchObject({
    gain: 0.5,
    isWorse: true,
  });
  expect(compareRatios(before, { ratios: { crossEncoderFp32: 170 } })[0]).toMatchObject({ isWorse: false });
});

it('what the machine can do, and what only one report has, is not compared', () => {
  const now = { ratios: { gigaOperationsInt8: 10, fresh: 1 } };
  expect(compareRatios(before, now)).toEqual([]);
});

async function encodeBeside(report: string): Promise<string> {
  const file = join(mkdtempSync(join(tmpdir(), 'bench-')), 'earlier.json');
  writeFileSync(file, report);
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const flags = ['--bundle', tinyBundle, '--rounds', '1', '--compare', file];
    await benchCommand().parseAsync(['encode', ...flags], { from: 'user' });
    return written.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    written.mockRestore();
  }
}

it('the command prints the ratios beside earlier ones, says which are worse, and does not fail for it', async () => {
  const machine = { cpu: 'Z80', cores: 1, memoryGb: 1, node: 'v24', platform: 'linux', load: 0 };
  const ratios = { queryFastVsTeacher: 1e6, twoLayerVsTwelve: 1e-6 };
  const printed = await encodeBeside(JSON.stringify({ machine, conditions: {}, ratios, rows: [] }));
  expect(printed).toMatch(/^queryFastVsTeacher +\S+ +1000000 +\S+ +worse$/m);
  expect(printed).toMatch(/^twoLayerVsTwelve +\S+ +0\.000001 +\S+$/m);
  expect(printed).toContain('Z80');
  expect(process.exitCode).toBeUndefined();
}, 60_000);

it('a file that is no report is refused before anything is measured', async () => {
  await expect(encodeBeside('{"ratios":3}')).rejects.toMatchObject({ code: 'bad-option' });
  await expect(encodeBeside('no JSON')).rejects.toMatchObject({ code: 'bad-option' });
});
