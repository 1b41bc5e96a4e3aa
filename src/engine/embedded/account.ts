/** Which user an engine runs as: the engines refuse root, so root hands them to the `nobody` account. */
import { chown, readdir, stat } from 'node:fs/promises';
import { dirname, join, parse, resolve } from 'node:path';

/** `nobody` on Linux; the numbers need no entry in /etc/passwd. */
const nobody = { uid: 65_534, gid: 65_534 } as const;

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function runsAsRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The account for an engine's process, or undefined where it runs as ourselves. */
export function engineAccount(): Account | undefined {
  return runsAsRoot() ? nobody : undefined;
}

/** Gives a directory and all it holds to the account. */
export async function handOver(directory: string, account: Account): Promise<void> {
  const entries = await readdir(directory, { recursive: true });
  for (const path of [directory, ...entries.map((entry) => join(directory, entry))]) {
    await chown(path, account.uid, account.gid);
  }
}

/** The first existing parent of `path` that other users cannot pass through, or undefined. */
export async function blockingParent(path: string): Promise<string | undefined> {
  const { root } = parse(resolve(path));
  for (let parent = dirname(resolve(path)); parent !== root; parent = dirname(parent)) {
    const found = await stat(parent).catch(() => undefined);
    if (found !== undefined && (found.mode & 0o001) === 0) return parent;
  }
  return undefined;
}
