import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A bundle of random weights with every graph there can be, int4 states and 64 tokens a document. */
export const tinyBundle = fileURLToPath(new URL('../fixtures/tiny-bundle', import.meta.url));

/** The same weights, whose interaction computes with scales that were fixed at export. */
export const tinyFixedBundle = fileURLToPath(new URL('../fixtures/tiny-bundle-fixed', import.meta.url));

interface Manifest {
  graphs: Record<string, string>;
  files: Record<string, { bytes: number; sha256: string }>;
}

/** A copy in the new `directory` with another bundle.json. */
export async function copyTinyBundle(directory: string, change: (manifest: Manifest) => void): Promise<void> {
  await cp(tinyBundle, directory, { recursive: true });
  const path = join(directory, 'bundle.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  change(manifest);
  await writeFile(path, JSON.stringify(manifest));
}

/** A change for {@link copyTinyBundle}: a bundle as it is without its optional graphs. */
export function withoutOptionalGraphs({ graphs, files }: Manifest): void {
  for (const role of ['query-fast', 'cross-encoder']) {
    delete graphs[role];
    delete files[`${role}.onnx`];
  }
}
