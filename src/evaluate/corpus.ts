/** A corpus that is read as often as it is needed: once to check and count it, once more for every load. */
import { createHash } from 'node:crypto';
import type { Corpus, CorpusDocument } from './dataset.ts';

/**
 * Reads the whole collection once, which checks it, and describes it.
 *
 * @param read opens the collection anew at every call and throws `data-invalid` where it is not as expected
 */
export async function surveyCorpus(read: () => AsyncIterable<CorpusDocument>): Promise<Corpus> {
  const digest = createHash('sha256');
  let documents = 0;
  for await (const { id, title, text } of read()) {
    digest.update(JSON.stringify([id, title, text]));
    documents += 1;
  }
  return { documents, fingerprint: digest.digest('hex'), read };
}
