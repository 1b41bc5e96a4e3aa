import type { Engine } from '../../src/engine/port.ts';
import type { DocumentKey } from '../../src/ingest/current.ts';
import { type CompanionDocument, companionName } from '../../src/ingest/stores/companion.ts';
import { documentsById, routed } from '../../src/ingest/stores/requests.ts';

/** What lies beside each document; undefined where there is nothing. */
export async function readCompanion(
  engine: Engine,
  object: string,
  keys: readonly DocumentKey[],
): Promise<readonly (CompanionDocument | undefined)[]> {
  const docs = keys.map(({ index, id, routing }) => ({
    ...{ _index: companionName(index, object), _id: id, ...routed(routing) },
  }));
  const found = await documentsById<{ readonly _source: CompanionDocument }>(engine, docs);
  return found.map((document) => document?._source);
}
