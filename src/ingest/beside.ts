/**
 * States of documents that the cluster has just accepted, written beside them. Documents are read as they are now, so
 * that a script, an upsert or an id of the cluster's own makes no difference; what is not reached here is found by its
 * hash or its sequence number later.
 */
import type { Engine } from '../engine/port.ts';
import type { EncodingModel } from '../model/model.ts';
import type { Accepted } from './accepted.ts';
import { startPace } from './backfill/pace.ts';
import { writeStates } from './backfill/writer.ts';
import { encodeTexts, type StatesByHash, type StatesKeeper } from './known-states.ts';
import { removeFromCompanion } from './stores/companion.ts';
import type { Placing } from './stores/placing.ts';
import type { SelectionOf } from './text.ts';

export interface BesideNeeds {
  readonly engine: Engine;
  readonly model: EncodingModel;
  readonly keeper: StatesKeeper;
  /** Name of the object that our fields and companions are called by. */
  readonly object: string;
  readonly placing: Placing;
  readonly selectionOf: SelectionOf;
  readonly signal: AbortSignal;
  /** Told of documents with new states, and of those that had them already. */
  readonly onStates: (encoded: number, reused: number) => void;
  /** Told when they could not be written: the documents are then without, until they are repaired. */
  readonly onFault: (error: unknown, documents: number) => void;
}

/** Never throws. */
export async function writeBeside(accepted: readonly Accepted[], needs: BesideNeeds): Promise<void> {
  for (const [index, writes] of Map.groupBy(accepted, (write) => write.index)) {
    // Of several writes to one document the last counts.
    const last = [
      ...new Map(writes.map((write) => [JSON.stringify([write.id, write.routing]), write])).values(),
    ];
    try {
      await writeOne(index, last, needs);
    } catch (error) {
      needs.onFault(error, last.length);
    }
  }
}

async function writeOne(index: string, writes: readonly Accepted[], needs: BesideNeeds): Promise<void> {
  const { engine, model, object, placing, selectionOf } = needs;
  const selection = selectionOf(index);
  const { bundle, splitting } = model;
  const store = await placing.storeOf(index, {
    ...{ engine, object, model: bundle.model, selection, splitting },
  });
  const read = await store.read(await store.fetch(writes.filter(({ deleted }) => !deleted)));
  const open = read.filter(({ standing }) => standing === 'stale' || standing === 'missing');
  let encoded = 0;
  const encode = async (texts: ReadonlyMap<string, string>) => {
    const { states, made } = await statesOnce(texts, needs);
    encoded += made;
    return states;
  };
  await writeStates(open, { store, encode, pace: startPace(0) });
  if (read.length > 0) needs.onStates(encoded, read.length - encoded);
  const without = read.filter(({ standing }) => standing === 'no-text').map(({ hit }) => hit);
  await removeFromCompanion(engine, object, [
    ...writes.filter(({ deleted }) => deleted),
    ...without.map(({ _id: id, _routing: routing, _seq_no: seqNo }) => ({ index, id, routing, seqNo })),
  ]);
}

/** States at hand, and those of the model for the other texts. */
async function statesOnce(
  texts: ReadonlyMap<string, string>,
  { model, keeper, signal }: BesideNeeds,
): Promise<{ readonly states: StatesByHash; readonly made: number }> {
  const states = new Map<string, Uint8Array>();
  const missing = new Map<string, string>();
  for (const [hash, text] of texts) {
    const kept = keeper.get(hash);
    if (kept) states.set(hash, kept);
    else missing.set(hash, text);
  }
  for (const [hash, made] of await encodeTexts(missing, model, signal)) {
    states.set(hash, made);
    keeper.remember(hash, made);
  }
  return { states, made: missing.size };
}
