/** Directories that are made once and then only read: unpacked servers and runtimes. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const markName = '.complete';
const passable = 0o755;

/**
 * The directory, made by `fill` if it is not there. It appears under its name only when it is complete: it is
 * filled under another name, marked, and renamed. One that lost files since (cleaners of /var/tmp do that) is
 * made again. Callers hold a lock.
 */
export async function madeOnce(
  directory: string,
  fill: (incoming: string) => Promise<void>,
): Promise<string> {
  if (await isComplete(directory)) return directory;
  await mkdir(dirname(directory), { recursive: true, mode: passable });
  const prefix = `${directory}-incoming-`;
  await removeLeftovers(prefix);
  const incoming = await mkdtemp(prefix);
  try {
    await fill(incoming);
    await openToAll(incoming);
    await writeFile(join(incoming, markName), await measure(incoming));
    await rm(directory, { recursive: true, force: true });
    await rename(incoming, directory);
    return directory;
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

/** Removes what one that was killed had begun under names of this prefix. Callers hold the lock it held. */
export async function removeLeftovers(prefix: string): Promise<void> {
  const parent = dirname(prefix);
  const begun = (await readdir(parent))
    .map((name) => join(parent, name))
    .filter((path) => path.startsWith(prefix));
  for (const path of begun) await rm(path, { recursive: true, force: true });
}

/** Whether the directory holds the files it was finished with. */
export async function isComplete(directory: string): Promise<boolean> {
  const mark = await readFile(join(directory, markName), 'utf8').catch(() => undefined);
  return mark !== undefined && mark === (await measure(directory));
}

/** Number and summed size of the files, the mark aside. */
async function measure(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== markName);
  const sizes = await Promise.all(
    files.map(async (file) => (await stat(join(file.parentPath, file.name))).size),
  );
  return `${files.length} files, ${sizes.reduce((sum, size) => sum + size, 0)} bytes\n`;
}

/** Lets other accounts pass through the directories, whatever our umask is. */
async function openToAll(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const directories = entries.filter((entry) => entry.isDirectory());
  await chmod(directory, passable);
  for (const found of directories) await chmod(join(found.parentPath, found.name), passable);
}
