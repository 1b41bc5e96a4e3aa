/** States that exist already: a text's hash is their name, so a text that was read once is not read again. */
import type { EncodingModel } from '../model/model.ts';
import { checkStates } from '../states/check.ts';
import type { Splitting } from '../states/splitting.ts';

/**
 * Asks the cluster something with the credentials of whoever writes: a POST of JSON, answered by JSON. Undefined
 * where the cluster does not answer with 200, for want of rights or of an index.
 */
export type AskCluster = (path: string, body: unknown) => Promise<unknown>;

/** States by content hash. */
export type StatesByHash = ReadonlyMap<string, Uint8Array>;

/** What keeps states for a while. */
export interface StatesKeeper {
  get(hash: string): Uint8Array | undefined;
  remember(hash: string, states: Uint8Array): void;
}

export interface KnownStatesNeeds {
  readonly ask: AskCluster;
  readonly keeper: StatesKeeper;
  /** Id of the bundle and its name in `mice.model`. */
  readonly bundle: { readonly id: string; readonly model: string };
  /** How texts are read now; states of another splitting are as good as none. */
  readonly splitting?: Splitting | undefined;
  /** Name of the object that holds our fields. */
  readonly object: string;
}

/** As far as they are at hand: those kept in memory, then those of documents in `index` with the same text. */
export async function knownStates(
  index: string,
  hashes: readonly string[],
  needs: KnownStatesNeeds,
): Promise<StatesByHash> {
  const found = new Map<string, Uint8Array>();
  for (const hash of hashes) {
    const kept = needs.keeper.get(hash);
    if (kept) found.set(hash, kept);
  }
  const sought = [...new Set(hashes)].filter((hash) => !found.has(hash));
  if (sought.length === 0) return found;
  const answer = await needs.ask(`/${encodeURIComponent(index)}/_search`, search(sought, needs));
  for (const states of statesIn(answer, `${needs.object}.states`)) {
    const check = checkStates(states, { bundleId: needs.bundle.id, splitting: needs.splitting });
    if (check.kind === 'ok') found.set(check.header.hash, states);
  }
  return found;
}

/**
 * States of texts, by the same hashes, from the model.
 * @throws MiceError `model-overloaded`, `model-failed`, `aborted`
 */
export async function encodeTexts(
  texts: ReadonlyMap<string, string>,
  model: Pick<EncodingModel, 'encodeDocuments'>,
  signal: AbortSignal,
): Promise<StatesByHash> {
  if (texts.size === 0) return new Map();
  const encoded = await model.encodeDocuments([...texts.values()], { priority: 'ingest', signal });
  return new Map([...texts.keys()].map((hash, at) => [hash, encoded[at]!.states]));
}

/** One document a hash. */
function search(hashes: readonly string[], { object, bundle }: KnownStatesNeeds): unknown {
  return {
    size: hashes.length,
    _source: false,
    track_total_hits: false,
    query: {
      bool: {
        filter: [
          { terms: { [`${object}.hash`]: hashes } },
          { term: { [`${object}.model`]: bundle.model } },
          { exists: { field: `${object}.states` } },
        ],
      },
    },
    collapse: { field: `${object}.hash` },
    docvalue_fields: [`${object}.states`],
  };
}

interface SearchAnswer {
  readonly hits?: {
    readonly hits?: readonly { readonly fields?: Readonly<Record<string, readonly unknown[]>> }[];
  };
}

function statesIn(answer: unknown, field: string): readonly Uint8Array[] {
  const hits = (answer as SearchAnswer | undefined)?.hits?.hits ?? [];
  return hits.flatMap(({ fields }) => {
    const base64 = fields?.[field]?.[0];
    return typeof base64 === 'string' ? [Buffer.from(base64, 'base64')] : [];
  });
}
