/** The documents' texts as the re-ranker reads them. */
import { selectText } from '../ingest/text.ts';
import type { Corpus } from './dataset.ts';

/** Document id → text. */
export type Texts = ReadonlyMap<string, string>;

/**
 * Reads the collection into memory; texts are joined by the rule that ingest follows.
 *
 * @param fields those the proxy reads texts from, in its order; a document of a data set has `title` and `text`
 */
export async function readTexts({ read }: Corpus, fields: readonly string[]): Promise<Texts> {
  const texts = new Map<string, string>();
  for await (const { id, title, text } of read()) texts.set(id, selectText({ title, text }, fields));
  return texts;
}
