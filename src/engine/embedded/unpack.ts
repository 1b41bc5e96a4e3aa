/** Archives into directories. */
import { createWriteStream } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise } from 'yauzl';
import { MiceError, messageOf } from '../../errors.ts';

const executable = 0o755;
const plain = 0o644;

export interface UnpackOptions {
  /** Only entries below this path, which is taken off their names. */
  readonly below?: string;
  /** Paths, after `below` is taken off, that are left out. */
  readonly leftOut?: readonly string[];
}

/**
 * Unpacks a zip into a directory. Files are readable by everyone, because the engine may run as another user,
 * and executable where the archive says so. Names that point outside are refused by the reader.
 */
export async function unpack(archive: string, directory: string, options: UnpackOptions = {}): Promise<void> {
  const below = options.below === undefined ? '' : `${options.below}/`;
  try {
    const zip = await openPromise(archive);
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName.slice(below.length);
      const wanted = entry.fileName.startsWith(below) && name !== '' && !name.endsWith('/');
      if (!wanted || options.leftOut?.some((path) => name.startsWith(path))) continue;
      const path = join(directory, name);
      await mkdir(dirname(path), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path));
      await chmod(path, modeOf(entry));
    }
  } catch (fault) {
    const code = (fault as NodeJS.ErrnoException).code === 'ENOSPC' ? 'disk-full' : 'artifact-fetch';
    throw new MiceError(code, `${archive} could not be unpacked: ${messageOf(fault)}`, { cause: fault });
  }
}

/** Unix permissions are in the upper half of the external attributes; archives made elsewhere have none. */
function modeOf(entry: Entry): number {
  const unix = entry.externalFileAttributes >>> 16;
  return (unix & 0o111) !== 0 || /(^|\/)bin\/[^/.]+$/.test(entry.fileName) ? executable : plain;
}
