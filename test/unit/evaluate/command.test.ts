import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { evalCommand } from '../../../src/cli/eval.ts';
import { beirFiles, directoryOf } from './collection.ts';

const started = new Error('an engine was started');

/** Runs `mice eval`, whose environment fails with {@link started} when it is opened. */
const runCommand = (...options: readonly string[]) =>
  evalCommand(() => Promise.reject(started))
    .exitOverride()
    .parseAsync(options, { from: 'user' });

describe('mice eval finds out before it starts an engine', () => {
  test.each([
    ['that a mode is unknown', ['--modes', 'bm25,magic'], 'bad-option', /magic/],
    ['that a number is none', ['--limit', '1.5'], 'bad-option', /--limit.*1\.5/],
    ['that a window is out of range', ['--window', '10001'], 'bad-option', /--window.*10001/],
    ['that the result cannot be written', ['--json', '/nowhere/result.json'], 'bad-option', /\/nowhere/],
    ['that the page cannot be written', ['--html', '/nowhere/a.html'], 'bad-option', /--html/],
    ['that the data set is incomplete', ['--data', import.meta.dirname], 'data-invalid', /corpus\.jsonl/],
  ])('%s', async (_, options, code, message) => {
    const data = await directoryOf(beirFiles());
    const command = runCommand('--data', data, ...options);
    await expect(command).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

test('mice eval starts with every option accepted', async () => {
  const data = await directoryOf(beirFiles());
  const options = ['--modes', 'mice', '--limit', '5', '--window', '50', '--json', join(data, 'out.json')];
  await expect(runCommand('--data', data, ...options)).rejects.toBe(started);
});
