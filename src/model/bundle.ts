/** A model bundle: a directory whose every file is the one that its bundle.json names. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { MiceError } from '../errors.ts';
import { type Manifest, OPTIONAL_GRAPHS, type OptionalGraph, parseManifest } from './manifest.ts';

const DEFAULT_BUNDLE = 'minilm-l4-1';

export interface Bundle extends Manifest {
  /** Absolute. */
  readonly directory: string;
  /** 16 hex characters. States of one id can be scored by every bundle of that id, and by no other. */
  readonly id: string;
  /** `name@id`: the value of the field `mice.model`. */
  readonly model: string;
}

/** Where the bundles that came with the package lie. */
export function bundlesDirectory(): string {
  return fileURLToPath(new URL('../../models/', import.meta.url));
}

export function defaultBundleDirectory(): string {
  return join(bundlesDirectory(), DEFAULT_BUNDLE);
}

/**
 * Reads `bundle.json` and holds every file against the size and sha256 it gives.
 * @throws MiceError `bundle-missing`, `bundle-invalid` or `bundle-hash`
 */
export async function openBundle(directory: string): Promise<Bundle> {
  const bundle = await readBundle(directory);
  await Promise.all(Object.keys(bundle.files).map((name) => checkFile(bundle, name)));
  return bundle;
}

/** As {@link openBundle}, without a look at the other files. */
export async function readBundle(directory: string): Promise<Bundle> {
  const path = join(resolve(directory), 'bundle.json');
  const json = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw missing(path, cause);
  });
  const manifest = parseManifest(json, path);
  const id = bundleId(manifest);
  return { ...manifest, directory: dirname(path), id, model: `${manifest.name}@${id}` };
}

/** Covers what states and scores come from, and nothing that is only said about it. */
export function bundleId(manifest: Manifest): string {
  const { dims, stateDtype, limits, files } = manifest;
  const optional = optionalFiles(manifest);
  const computing = Object.entries(files)
    .filter(([name]) => !name.endsWith('.md') && !optional.includes(name))
    .map(([name, { sha256 }]) => `${name} ${sha256}`)
    .sort();
  const shape = [
    dims.hidden,
    dims.vector,
    dims.states,
    stateDtype,
    limits.documentTokens,
    limits.queryTokens,
  ];
  return createHash('sha256')
    .update([shape.join(' '), ...computing].join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** Graphs that make no states and no scores of them, and what only they read: ROLE.bin. */
function optionalFiles({ graphs }: Manifest): readonly (string | undefined)[] {
  return OPTIONAL_GRAPHS.flatMap((role) => [graphs[role], `${role}.bin`]);
}

/** File of a graph that the bundle may lack. @throws MiceError `graph-missing` */
export function optionalGraph({ model, graphs }: Bundle, role: OptionalGraph): string {
  const file = graphs[role];
  if (file !== undefined) return file;
  const hint = `Its graphs: ${Object.keys(graphs).join(', ')}.`;
  throw new MiceError('graph-missing', `The bundle ${model} has no ${role} graph.`, { hint });
}

/** @throws MiceError `bundle-missing` or `bundle-hash` */
export async function checkFile(bundle: Bundle, name: string): Promise<void> {
  const path = join(bundle.directory, name);
  const expected = bundle.files[name]!;
  const found = await stat(path).catch((cause: unknown) => {
    throw missing(path, cause);
  });
  if (found.size !== expected.bytes)
    throw differs(path, `has ${found.size} bytes instead of ${expected.bytes}`);
  const digest = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), digest);
  const sha256 = digest.digest('hex');
  if (sha256 !== expected.sha256) throw differs(path, `has sha256 ${sha256} instead of ${expected.sha256}`);
}

function missing(path: string, cause: unknown): MiceError {
  const hint = `A bundle is a directory with bundle.json and the files it names; the default is ${defaultBundleDirectory()}.`;
  return new MiceError('bundle-missing', `${path} cannot be read.`, { hint, cause });
}

function differs(path: string, how: string): MiceError {
  const hint = 'The file is damaged or from another bundle: fetch or export the bundle again.';
  return new MiceError('bundle-hash', `${path} ${how}.`, { hint });
}
