/** Takes the fields of a bundle that is no longer used out of an index's documents; its mapping keeps their names. */
import type { Engine } from '../engine/port.ts';
import { scanSlice } from './backfill/scan.ts';
import { companionName, companionStanding } from './stores/companion.ts';
import { droppedIn, metaWithDropped, objectsIn, writeObject } from './stores/object.ts';
import type { StandingHit } from './stores/store.ts';

export interface DropOptions {
  readonly engine: Engine;
  /** Name of the object whose values go. */
  readonly object: string;
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (dropped: number, documents: number) => void;
}

export interface DropReport {
  readonly index: string;
  /** Documents that had values, and have none now; or would have, on a dry run. */
  readonly dropped: number;
  /** Documents that others kept changing, or that the cluster refused. */
  readonly left: number;
  /** Name of the companion that was deleted. */
  readonly companion?: string;
}

/** Passes over the documents: what others change meanwhile is met again. */
const PASSES = 5;

/**
 * One index after the other where `index` is an alias or a data stream. Other bundles' vectors and states are written
 * again with each document, which the cluster would drop otherwise.
 * @throws MiceError `index-missing`, `upstream-refused`, `upstream-unreachable`, the reason of `signal`
 */
export async function dropFields(index: string, options: DropOptions): Promise<readonly DropReport[]> {
  const { engine, object, dryRun = false } = options;
  const reports: DropReport[] = [];
  for (const [name, live] of Object.entries(await engine.describeIndices(index))) {
    const objects = objectsIn(live.mappings);
    const kept = objects.filter((other) => other !== object);
    const { number_of_shards: shards = '1' } = live.settings['index'] as Record<string, string>;
    const dropped = [...new Set([...droppedIn(live.mappings), object])];
    // First, so that a service that looks anew adds none to them.
    if (!dryRun && objects.includes(object))
      await engine.extendMapping(name, { _meta: metaWithDropped(live.mappings, dropped) });
    const counts = objects.includes(object)
      ? await dropOne(name, Number(shards), kept, options)
      : { dropped: 0, left: 0 };
    const standing = await companionStanding(engine, name, live, object);
    const companion = companionName(name, object);
    if (standing !== 'absent' && !dryRun) await engine.deleteIndex(companion);
    reports.push({ index: name, ...counts, ...(standing !== 'absent' && { companion }) });
  }
  return reports;
}

async function dropOne(
  index: string,
  shards: number,
  kept: readonly string[],
  { engine, object, dryRun, signal, onProgress }: DropOptions,
): Promise<{ readonly dropped: number; readonly left: number }> {
  const query = { exists: { field: `${object}.model` } };
  const search = { query, _source: false, seq_no_primary_term: true };
  let dropped = 0;
  for (let pass = 0; pass < PASSES; pass++) {
    await engine.refresh(index);
    const documents = await countOf(engine, index, query);
    if (dryRun) return { dropped: documents, left: 0 };
    if (documents === 0) return { dropped, left: 0 };
    for (let number = 0; number < shards; number++) {
      for await (const hits of scanSlice(engine, index, { number, of: shards }, search, signal)) {
        dropped += await clear(hits);
        onProgress?.(dropped, documents);
      }
    }
  }
  await engine.refresh(index);
  return { dropped, left: await countOf(engine, index, query) };

  async function clear(hits: readonly StandingHit[]): Promise<number> {
    const outcomes = await writeObject(engine, hits, kept, () => `${JSON.stringify(object)}:null`);
    return outcomes.filter(({ kind }) => kind === 'written').length;
  }
}

async function countOf(
  engine: Engine,
  index: string,
  query: Readonly<Record<string, unknown>>,
): Promise<number> {
  const path = `/${encodeURIComponent(index)}/_count`;
  const { body } = await engine.ask({ method: 'POST', path, body: { query } });
  return body.count;
}
