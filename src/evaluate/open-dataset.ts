/** A path becomes a data set: the form is recognised by what lies there. */
import { stat } from 'node:fs/promises';
import { MiceError } from '../errors.ts';
import { openBeir } from './beir.ts';
import type { Dataset } from './dataset.ts';
import { openStoredRun } from './stored-run.ts';

const accepted =
  'Accepted: a directory with corpus.jsonl, queries.jsonl and qrels/test.tsv (each plain or .gz), ' +
  'or a .json or .json.gz file with the keys queries, passages, bm25_top100 and qrels.';

/**
 * Opens a directory in BEIR layout ({@link openBeir}) or a file with a stored run ({@link openStoredRun}).
 *
 * @throws MiceError `data-invalid` naming the file, the line and what is expected
 */
export async function openDataset(path: string): Promise<Dataset> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new MiceError('data-invalid', `${path} cannot be read or does not exist.`, {
      hint: accepted,
      cause,
    });
  });
  if (found.isDirectory()) return openBeir(path);
  if (/\.json(\.gz)?$/.test(path)) return openStoredRun(path);
  throw new MiceError('data-invalid', `${path} is neither a directory nor a .json file.`, { hint: accepted });
}
