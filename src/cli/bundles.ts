/** What the bundles on this machine are. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MiceError } from '../errors.ts';
import { type Bundle, bundlesDirectory, readBundle } from '../model/bundle.ts';
import { sections, valueBytes } from '../states/layout.ts';

export interface BundleSummary {
  readonly directory: string;
  readonly name: string;
  /** Value of the field `mice.model`. */
  readonly model: string;
  readonly source: string;
  /** Roles, e.g. `document`. */
  readonly graphs: readonly string[];
  readonly licence: string;
  readonly bytes: number;
}

/** A directory that is no bundle this release reads, and why. */
export interface UnreadableBundle {
  readonly directory: string;
  readonly code: string;
  readonly message: string;
}

/** Every directory in `directory` with a bundle.json, in order of name. */
export async function listBundles(
  directory = bundlesDirectory(),
): Promise<readonly (BundleSummary | UnreadableBundle)[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) => {
    const hint = 'Name a directory whose sub-directories are bundles.';
    throw new MiceError('bundle-missing', `${directory} cannot be read.`, { hint, cause });
  });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(directory, name));
  const bundles = folders.sort().filter((folder) => existsSync(join(folder, 'bundle.json')));
  return await Promise.all(bundles.map(summaryOrFault));
}

async function summaryOrFault(directory: string): Promise<BundleSummary | UnreadableBundle> {
  try {
    return summary(await readBundle(directory));
  } catch (thrown) {
    if (!(thrown instanceof MiceError)) throw thrown;
    return { directory, code: thrown.code, message: thrown.message };
  }
}

function summary(bundle: Bundle): BundleSummary {
  const { directory, name, model, source, licence } = bundle;
  const bytes = Object.values(bundle.files).reduce((sum, file) => sum + file.bytes, 0);
  return { directory, name, model, source: source.model, graphs: Object.keys(bundle.graphs), licence, bytes };
}

/** Everything bundle.json says, with the identity and the storage that follow from it. */
export type BundleInspection = Bundle & {
  readonly bytesPerToken: number;
  /** Of a document of one passage. */
  readonly bytesPerDocumentAtMost: number;
};

/** @throws MiceError `bundle-missing` or `bundle-invalid` */
export async function inspectBundle(directory: string): Promise<BundleInspection> {
  const bundle = await readBundle(directory);
  const { dims, stateDtype: dtype } = bundle;
  const isHalf = dtype === 'float16';
  const shape = { dtype, dims: dims.states, vectorDims: dims.vector };
  const { end: empty } = sections({ ...shape, version: isHalf ? 2 : 1, passages: 1, tokens: 0 });
  const bytesPerToken = valueBytes(shape) + (isHalf ? 0 : 4);
  return {
    ...bundle,
    bytesPerToken,
    bytesPerDocumentAtMost: empty + bytesPerToken * bundle.limits.documentTokens,
  };
}
