import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { madeOnce } from '../../../src/engine/embedded/made-once.ts';
import { unpack } from '../../../src/engine/embedded/unpack.ts';
import { scratchDirectory } from './scratch.ts';
import { type ZipEntry, zipOf } from './zip.ts';

function archive(...entries: readonly ZipEntry[]): string {
  const path = join(scratchDirectory(), 'archive.zip');
  writeFileSync(path, zipOf(entries));
  return path;
}

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('unpacking a server', () => {
  test('takes what is below a path and leaves out what is not wanted', async () => {
    const zip = archive(
      { name: 'server-1/', content: '' },
      { name: 'server-1/lib/a.jar', content: 'a' },
      { name: 'server-1/lib/tools/b.jar', content: 'b' },
      { name: 'elsewhere/c.jar', content: 'c' },
    );
    const directory = scratchDirectory();
    await unpack(zip, directory, { below: 'server-1', leftOut: ['lib/tools/'] });
    expect(readFileSync(join(directory, 'lib/a.jar'), 'utf8')).toBe('a');
    expect(existsSync(join(directory, 'lib/tools'))).toBe(false);
    expect(existsSync(join(directory, 'c.jar'))).toBe(false);
  });

  test('lets everyone read the files, and run the programs', async () => {
    const zip = archive(
      { name: 'config/x.yml', content: '', mode: 0o100600 },
      { name: 'lib/helper', content: '', mode: 0o100755 },
      { name: 'bin/java', content: '', mode: 0 },
    );
    const directory = scratchDirectory();
    await unpack(zip, directory);
    expect(['config/x.yml', 'lib/helper', 'bin/java'].map((name) => modeOf(join(directory, name)))).toEqual([
      0o644, 0o755, 0o755,
    ]);
  });

  test('refuses an archive that points outside', async () => {
    const directory = scratchDirectory();
    await expect(
      unpack(archive({ name: '../outside', content: 'x' }), join(directory, 'in')),
    ).rejects.toMatchObject({
      code: 'artifact-fetch',
      message: expect.stringContaining('relative path'),
    });
    expect(existsSync(join(directory, 'outside'))).toBe(false);
  });
});

describe('a directory that is made once', () => {
  const fill = (content: string) => async (incoming: string) =>
    writeFileSync(join(incoming, 'file'), content);

  test('is not made again', async () => {
    const directory = join(scratchDirectory(), 'home');
    await madeOnce(directory, fill('first'));
    await madeOnce(directory, fill('second'));
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('first');
  });

  test('does not appear when it could not be filled', async () => {
    const directory = join(scratchDirectory(), 'home');
    const broken = madeOnce(directory, async (incoming) => {
      writeFileSync(join(incoming, 'file'), 'half');
      throw new Error('pulled the plug');
    });
    await expect(broken).rejects.toThrow('pulled the plug');
    expect(existsSync(directory)).toBe(false);
  });

  test('is made again after it lost a file', async () => {
    const directory = join(scratchDirectory(), 'home');
    await madeOnce(directory, fill('first'));
    rmSync(join(directory, 'file'));
    await madeOnce(directory, fill('second'));
    expect(readFileSync(join(directory, 'file'), 'utf8')).toBe('second');
  });

  test('can be passed by other accounts whatever the umask', async () => {
    const directory = join(scratchDirectory(), 'home');
    await madeOnce(directory, fill('x'));
    expect(modeOf(directory)).toBe(0o755);
  });
});
