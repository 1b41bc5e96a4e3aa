/** How many documents of an index have fresh states. */
import type { Engine } from '../../engine/port.ts';
import type { Splitting } from '../../states/splitting.ts';
import type { Placing } from '../stores/placing.ts';
import type { SelectionOf } from '../text.ts';
import { scanSlice } from './scan.ts';

export interface VerifyOptions {
  readonly engine: Engine;
  readonly object: string;
  readonly placing: Placing;
  /** Value of `mice.model` that is fresh. */
  readonly model: string;
  /** How texts are read now; any other is as good unless given. */
  readonly splitting?: Splitting;
  /** Whether vectors of passages are to be there. */
  readonly passageVectors?: boolean;
  readonly selectionOf: SelectionOf;
  readonly query?: unknown;
  readonly signal: AbortSignal;
  readonly onProgress?: (scanned: number, documents: number) => void;
}

export interface VerifyReport {
  readonly index: string;
  readonly documents: number;
  readonly fresh: number;
  /** Of another text or another model. */
  readonly stale: number;
  readonly missing: number;
  readonly withoutText: number;
}

/** @throws MiceError `index-missing`, `upstream-refused`, `upstream-unreachable`, the reason of `signal` */
export async function verifyStates(index: string, options: VerifyOptions): Promise<readonly VerifyReport[]> {
  const reports: VerifyReport[] = [];
  for (const [name, { settings }] of Object.entries(await options.engine.describeIndices(index))) {
    const { number_of_shards: shards = '1' } = settings['index'] as Record<string, string>;
    reports.push(await verifyOne(name, Number(shards), options));
  }
  return reports;
}

async function verifyOne(index: string, shards: number, options: VerifyOptions): Promise<VerifyReport> {
  const { engine, object, model, selectionOf, query, signal, onProgress, placing } = options;
  const { splitting, passageVectors } = options;
  const store = await placing.storeOf(index, {
    ...{ engine, object, model, selection: selectionOf(index), splitting, passageVectors },
  });
  await engine.refresh(index);
  const total = onProgress ? await engine.count(index) : 0;
  const search = store.search(query);
  const counts = { fresh: 0, stale: 0, missing: 0, 'no-text': 0 };
  let documents = 0;
  for (let number = 0; number < shards; number++) {
    for await (const hits of scanSlice(engine, index, { number, of: shards }, search, signal)) {
      for (const { standing } of await store.read(hits)) counts[standing]++;
      documents += hits.length;
      onProgress?.(documents, total);
    }
  }
  const { fresh, stale, missing, 'no-text': withoutText } = counts;
  return { index, documents, fresh, stale, missing, withoutText };
}
