import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bundleId,
  defaultBundleDirectory,
  openBundle,
  optionalGraph,
  readBundle,
} from '../../../src/model/bundle.ts';
import { parseManifest } from '../../../src/model/manifest.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const shipped = defaultBundleDirectory();
const shippedJson = await readFile(join(shipped, 'bundle.json'), 'utf8');
const tinyJson = await readFile(join(tinyBundle, 'bundle.json'), 'utf8');

type Json = { [key: string]: Json };

/** bundle.json with one field set, or left out where `value` is undefined. */
function changed([...path]: readonly string[], value: unknown, from = shippedJson): string {
  const manifest = JSON.parse(from);
  const field = path.pop()!;
  path.reduce((object: Json, key) => object[key]!, manifest)[field] = value as Json;
  return JSON.stringify(manifest);
}

describe('the bundle in the package', () => {
  it('has the files, sizes and hashes that its bundle.json names', async () => {
    const bundle = await openBundle(shipped);
    expect(bundle.id).toMatch(/^[0-9a-f]{16}$/);
    expect(bundle.model).toBe(`${bundle.name}@${bundle.id}`);
  });
});

describe('the id of a bundle', () => {
  const idWith = (path: readonly string[], value: unknown) =>
    bundleId(parseManifest(changed(path, value), 'bundle.json'));
  const id = idWith(['format'], 1);
  const file = { bytes: 1, sha256: 'e'.repeat(64) };

  it('changes with a file that computes, and with what decides how much of a text is read', () => {
    expect(idWith(['files', 'weights.bin'], file)).not.toBe(id);
    expect(idWith(['limits', 'documentTokens'], 128)).not.toBe(id);
  });

  it('stays when only the words about it change', () => {
    expect(idWith(['files', 'README.md'], file)).toBe(id);
    expect(idWith(['quality'], { note: 'better' })).toBe(id);
  });

  it.each(['query-fast', 'cross-encoder'])(
    'is the same without the graph %s, which makes no states',
    (role) => {
      const manifest = JSON.parse(tinyJson);
      delete manifest.graphs[role];
      delete manifest.files[`${role}.onnx`];
      delete manifest.files[`${role}.bin`];
      expect(bundleId(parseManifest(JSON.stringify(manifest), 'bundle.json'))).toBe(
        bundleId(parseManifest(tinyJson, 'bundle.json')),
      );
    },
  );

  it.each(['query-fast', 'cross-encoder'])('stays when the weights of the graph %s alone change', (role) => {
    expect(JSON.parse(shippedJson).files).toHaveProperty([`${role}.bin`]);
    expect(idWith(['files', `${role}.bin`], file)).toBe(id);
  });

  it('does not depend on the order in which files are listed', () => {
    const files = Object.fromEntries(Object.entries(JSON.parse(shippedJson).files).reverse());
    expect(idWith(['files'], files)).toBe(id);
  });
});

describe('a bundle.json that is not accepted', () => {
  it.each([
    ['of a later format', ['format'], 2, 'format: Invalid input: expected 1'],
    ['with a field of no meaning here', ['extra'], 1, 'Unrecognized key: "extra"'],
    ['without dims', ['dims'], undefined, 'dims: '],
    [
      'with another dtype',
      ['stateDtype'],
      'int2',
      'stateDtype: Invalid option: expected one of "int8"|"int4"',
    ],
    ['with a limit below three tokens', ['limits', 'queryTokens'], 2, 'limits.queryTokens: '],
    [
      'with a path for a file name',
      ['graphs', 'query'],
      '../q.onnx',
      'graphs.query: a plain file name beside',
    ],
    ['with a graph that is not listed', ['graphs', 'query'], 'q.onnx', 'files has no entry for q.onnx'],
    [
      'whose tokenizer is another',
      ['tokenizerHash'],
      '0'.repeat(64),
      'tokenizerHash differs from the sha256',
    ],
  ])('%s is refused by the name of the field', (_, path, value, message) => {
    expect(() => parseManifest(changed(path, value), 'b/bundle.json')).toThrow(message);
    expect(() => parseManifest(changed(path, value), 'b/bundle.json')).toThrow('b/bundle.json');
  });

  it.each([
    [
      'an odd number of int4 values',
      ['dims', 'states'],
      15,
      'dims.states: with stateDtype int4 an even number',
    ],
    [
      'a cross-encoder and no limit for pairs',
      ['limits', 'pairTokens'],
      undefined,
      'limits.pairTokens: with a cross-encoder graph a number of at least 18 is expected',
    ],
    [
      'pairs that leave no room for a document',
      ['limits', 'pairTokens'],
      17,
      'limits.pairTokens: at least limits.queryTokens + 2, here 18, is expected',
    ],
    [
      'a cross-encoder and no weights for its score',
      ['score', 'crossEncoder'],
      undefined,
      'score.crossEncoder: with a cross-encoder graph cosineWeight and firstStage are expected',
    ],
  ])('for %s is refused with what is accepted', (_, path, value, message) => {
    expect(() => parseManifest(changed(path, value, tinyJson), 'bundle.json')).toThrow(message);
  });

  it('because it is not JSON is refused', () => {
    expect(() => parseManifest('{', 'bundle.json')).toThrow('bundle.json: it is not JSON.');
  });
});

describe('a graph that a bundle may lack', () => {
  it('is given by its file, or is graph-missing with the graphs that there are', async () => {
    const bundle = await readBundle(tinyBundle);
    expect(optionalGraph(bundle, 'cross-encoder')).toBe('cross-encoder.onnx');
    const { 'query-fast': _, ...graphs } = bundle.graphs;
    expect(() => optionalGraph({ ...bundle, graphs }, 'query-fast')).toThrow(
      expect.objectContaining({
        code: 'graph-missing',
        message: `The bundle ${bundle.model} has no query-fast graph.`,
        hint: 'Its graphs: document, query, interaction, cross-encoder.',
      }),
    );
  });
});

describe('a directory that is not what it says', () => {
  let root: string;
  let copy: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'mice-bundle-'));
  });
  beforeEach(async () => {
    copy = await mkdtemp(join(root, 'b-'));
    await cp(shipped, copy, { recursive: true });
  });
  afterAll(() => rm(root, { recursive: true }));

  it('is bundle-missing without bundle.json, and the hint names the default', async () => {
    await rm(join(copy, 'bundle.json'));
    await expect(openBundle(copy)).rejects.toMatchObject({
      code: 'bundle-missing',
      hint: expect.stringContaining(shipped),
    });
  });

  it('is bundle-missing without a file that bundle.json names', async () => {
    await rm(join(copy, 'query.onnx'));
    await expect(openBundle(copy)).rejects.toMatchObject({
      code: 'bundle-missing',
      message: expect.stringContaining('query.onnx'),
    });
  });

  it('is bundle-hash with one changed byte, or one byte more', async () => {
    const path = join(copy, 'query.onnx');
    const content = await readFile(path);
    await writeFile(path, Buffer.concat([content, Buffer.of(0)]));
    await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle-hash' });
    content[content.length >> 1]! ^= 1;
    await writeFile(path, content);
    await expect(openBundle(copy)).rejects.toMatchObject({
      code: 'bundle-hash',
      message: expect.stringContaining('query.onnx has sha256'),
    });
  });

  it('can be read, but not opened, when only its files are damaged', async () => {
    await writeFile(join(copy, 'README.md'), 'changed');
    expect((await readBundle(copy)).name).toBe('minilm-l4-1');
    await expect(openBundle(copy)).rejects.toMatchObject({ code: 'bundle-hash' });
  });
});
