import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectBundle, listBundles } from '../../../src/cli/bundles.ts';
import { verifyBundle } from '../../../src/cli/verify-bundle.ts';
import { defaultBundleDirectory } from '../../../src/model/bundle.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const shipped = defaultBundleDirectory();
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'mice-models-'));
});
afterAll(() => rm(root, { recursive: true }));

describe('mice model', () => {
  it('lists the bundles of the package', async () => {
    const { model } = await inspectBundle(shipped);
    expect(await listBundles()).toContainEqual(expect.objectContaining({ directory: shipped, model }));
  });

  it('lists what cannot be read with the reason', async () => {
    const broken = join(root, 'listed', 'broken');
    await cp(shipped, broken, { recursive: true });
    await writeFile(join(broken, 'bundle.json'), '{}');
    expect(await listBundles(join(root, 'listed'))).toEqual([
      { directory: broken, code: 'bundle-invalid', message: expect.stringContaining('format: ') },
    ]);
  });

  it('says how many bytes a document takes at most', async () => {
    const { bytesPerToken, bytesPerDocumentAtMost, limits, dims } = await inspectBundle(tinyBundle);
    expect(bytesPerToken).toBe(dims.states / 2 + 4);
    expect(bytesPerDocumentAtMost).toBe(48 + dims.vector + limits.documentTokens * bytesPerToken);
  });

  it('shows the optional graphs that a bundle has, and what belongs to them', async () => {
    expect(await inspectBundle(tinyBundle)).toMatchObject({
      graphs: { 'query-fast': 'query-fast.onnx', 'cross-encoder': 'cross-encoder.onnx' },
      limits: { pairTokens: 80 },
      score: { crossEncoder: { cosineWeight: 20, firstStage: { weight: 1.5 } } },
    });
    expect((await listBundles(dirname(tinyBundle)))[0]).toMatchObject({
      graphs: ['document', 'query', 'interaction', 'query-fast', 'cross-encoder'],
    });
  });

  it('verifies every file and runs every graph', async () => {
    const { ok, files, run } = await verifyBundle(shipped);
    expect(files.length).toBeGreaterThanOrEqual(5);
    expect(run.filter((check) => !check.ok)).toEqual([]);
    expect(run.length).toBeGreaterThan(0);
    expect(ok).toBe(true);
  }, 60_000);

  it('runs the optional graphs too where the bundle has them', async () => {
    const { run } = await verifyBundle(tinyBundle);
    // Random weights know no answer from another text.
    const sound = run.filter(({ name }) => !/scored? above|scores an answer/.test(name));
    expect(sound.filter((check) => !check.ok)).toEqual([]);
    expect(sound.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['query-fast graph', 'cross-encoder graph']),
    );
  });

  it('names the damaged file and runs nothing', async () => {
    const damaged = join(root, 'damaged');
    await cp(shipped, damaged, { recursive: true });
    await writeFile(join(damaged, 'query.onnx'), 'not a graph');
    const { ok, files, run } = await verifyBundle(damaged);
    expect(ok).toBe(false);
    expect(files.filter((check) => !check.ok).map(({ name }) => name)).toEqual(['query.onnx']);
    expect(run).toEqual([]);
  });
});
