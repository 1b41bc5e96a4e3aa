import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { environmentNameOf, options } from '../../src/config/options.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image?: string;
        readonly build?: { readonly dockerfile: string };
        readonly ports?: readonly string[];
        readonly environment?: Readonly<Record<string, string>>;
      }
    >
  >;
}

describe('the image', () => {
  const instructions = read('docker/Dockerfile')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([word]) => word !== '' && !word!.startsWith('#'));

  it('copies only what a checkout has', () => {
    const copied = instructions
      .filter(([word, flag]) => word === 'COPY' && !flag!.startsWith('--from'))
      .flatMap((words) => words.slice(1, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) expect(existsSync(new URL(path, root)), path).toBe(true);
  });

  it('starts from pinned images and runs without rights', () => {
    for (const [, image] of instructions.filter(([word]) => word === 'FROM'))
      expect(image).toMatch(/:\d+\.\d+\.\d+/);
    expect(instructions.findLast(([word]) => word === 'USER')?.[1]).toBe('node');
  });

  it('runs the Node.js that the repository brings', () => {
    const [version] = Object.values(
      (JSON.parse(read('runtime/package.json')) as { optionalDependencies: Record<string, string> })
        .optionalDependencies,
    );
    expect(read('docker/Dockerfile')).toContain(`node:${version}-`);
  });
});

describe('the compose file', () => {
  const { services } = parse(read('docker/compose.yaml')) as Compose;

  it('pins its images, publishes on loopback only, and sets options that exist', () => {
    const known = Object.values(options).map(({ name }) => environmentNameOf(name));
    for (const { image, build, ports = [] } of Object.values(services)) {
      if (image) expect(image).toMatch(/:\d+\.\d+\.\d+$/);
      else expect(existsSync(new URL(build!.dockerfile, root))).toBe(true);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    for (const name of Object.keys(services['mice']!.environment!)) expect(known).toContain(name);
  });
});
