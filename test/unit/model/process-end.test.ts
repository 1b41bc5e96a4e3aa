import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('threads/exit-while-computing.ts', import.meta.url));

describe('a process that ends while its model computes', () => {
  it('ends with the status it chose: no inference is cut off, which would abort the process', () => {
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script],
      { encoding: 'utf8' },
    );
    expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' });
  });
});
