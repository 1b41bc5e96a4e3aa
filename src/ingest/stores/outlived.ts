/** Companions whose index is gone. */
import type { Engine } from '../../engine/port.ts';
import { companionName, companionsIn } from './companion.ts';

/** Longer than any process takes a companion for there without a look, so that none writes to one that is deleted. */
const KEPT_MS = 120_000;

export interface OutlivedNeeds {
  readonly engine: Engine;
  /** Name of the object that companions are called by. */
  readonly object: string;
  /** How long an index must have been gone; two minutes. */
  readonly keptMs?: number;
}

/**
 * A look for companions whose index is gone; deletes those whose index was gone at an earlier look too, and says of
 * which indices. An index that was made again under its name keeps its companion, which is replaced at the first write.
 */
export function outlivedCompanions({
  engine,
  object,
  keptMs = KEPT_MS,
}: OutlivedNeeds): () => Promise<readonly string[]> {
  let goneSince: ReadonlyMap<string, number> = new Map();

  async function isGone(index: string): Promise<boolean> {
    if (!(await engine.describeIndex(index))) return true;
    // The name may be an alias of other indices by now.
    return !(index in (await engine.describeIndices(index)));
  }

  return async () => {
    const nowMs = performance.now();
    const gone = new Map<string, number>();
    const deleted: string[] = [];
    for (const index of await companionsIn(engine, object)) {
      if (!(await isGone(index))) continue;
      const sinceMs = goneSince.get(index);
      if (sinceMs === undefined || nowMs - sinceMs < keptMs) {
        gone.set(index, sinceMs ?? nowMs);
        continue;
      }
      await engine.deleteIndex(companionName(index, object));
      deleted.push(index);
    }
    goneSince = gone;
    return deleted;
  };
}
