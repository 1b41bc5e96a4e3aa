/** What one running engine writes: data, logs, temporary files, and its own copy of the configuration. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { MiceError } from '../../errors.ts';
import type { EngineName } from '../port.ts';
import { type Account, blockingParent, engineAccount, handOver } from './account.ts';
import { requireRoom } from './disk.ts';

export interface RunDirectory {
  /** Holds the others, except `data` where the caller named a place for it. */
  readonly root: string;
  readonly data: string;
  readonly logs: string;
  readonly temporary: string;
  readonly configuration: string;
  /** What the process itself prints. */
  readonly output: string;
}

/** An empty node takes 1 MB; logs, the keystore and the first segments are well below this. */
const roomBytes = 300_000_000;

/**
 * Makes the directory of one run, readable by the account the engine will run as. `dataDirectory` is where the
 * data stays after the run; without it the data goes with the rest. Throws `disk-full`, `bad-option`.
 */
export async function makeRunDirectory(
  engine: EngineName,
  home: string,
  dataDirectory: string | undefined,
): Promise<RunDirectory> {
  const account = engineAccount();
  const parent = await temporaryParent(account);
  const kept = dataDirectory === undefined ? undefined : join(resolve(dataDirectory), engine);
  if (kept !== undefined) await requirePassable(kept, account);
  await requireRoom(parent, roomBytes, `Running ${engine}`);
  const run = layout(await mkdtemp(join(parent, `mice-${engine}-`)), kept);
  try {
    for (const directory of [run.data, run.logs, run.temporary]) await mkdir(directory, { recursive: true });
    await cp(join(home, 'config'), run.configuration, { recursive: true });
    for (const file of [join(run.configuration, `${engine}.yml`), run.output]) await writeFile(file, '');
    if (account !== undefined) for (const owned of [run.root, run.data]) await handOver(owned, account);
    return run;
  } catch (fault) {
    await removeRunDirectory(run);
    throw fault;
  }
}

function layout(root: string, keptData: string | undefined): RunDirectory {
  const at = (name: string) => join(root, name);
  return {
    root,
    data: keptData ?? at('data'),
    logs: at('logs'),
    temporary: at('tmp'),
    configuration: at('config'),
    output: at('output.log'),
  };
}

export async function removeRunDirectory(run: RunDirectory): Promise<void> {
  await rm(run.root, { recursive: true, force: true, maxRetries: 3 });
}

/** The system's directory for temporary files; for another account one that it can reach. */
async function temporaryParent(account: Account | undefined): Promise<string> {
  if (account === undefined) return tmpdir();
  for (const candidate of [tmpdir(), '/var/tmp', '/tmp']) {
    if ((await blockingParent(join(candidate, 'run'))) === undefined) return candidate;
  }
  throw new MiceError(
    'engine-failed',
    `No temporary directory that other users can reach: ${tmpdir()}, /var/tmp, /tmp.`,
    {
      hint: 'Set TMPDIR to a directory whose parents all allow others to pass (mode o+x).',
    },
  );
}

async function requirePassable(data: string, account: Account | undefined): Promise<void> {
  const blocking = account === undefined ? undefined : await blockingParent(data);
  if (blocking === undefined) return;
  throw new MiceError(
    'bad-option',
    `The engine runs as user ${account?.uid}, who cannot reach ${data} through ${blocking}.`,
    {
      hint: 'Name a data directory whose parents all allow others to pass (mode o+x), or run as an ordinary user.',
    },
  );
}
