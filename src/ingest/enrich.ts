/** Documents with vectors and states: select text → encode → fields → into the document's own bytes. */
import { cutsOf, membersOf, skipSpace, without } from '../json/spans.ts';
import type { Model } from '../model/model.ts';
import { contentHash } from '../states/hash.ts';
import { miceFields } from './fields.ts';
import { selectText } from './text.ts';

export interface EnrichNeeds {
  readonly model: Model;
  readonly textFields: readonly string[];
  /** Name of the object that holds our fields. */
  readonly object: string;
  readonly signal: AbortSignal;
  /** Told how many documents got states. */
  readonly onEncoded: (documents: number) => void;
  /** Told when encoding failed and the documents go on without states. */
  readonly onFault: (error: unknown, documents: number) => void;
}

/**
 * Adds our object to each document that has text; the rest of its bytes stays as it is. What is no JSON object
 * stays whole, for the cluster to refuse; a document without text only loses an object copied from elsewhere.
 * When encoding fails, documents go on without states, to be encoded on sight.
 * @param sources one JSON document each
 */
export async function enrichDocuments(
  sources: readonly Buffer[],
  needs: EnrichNeeds,
): Promise<readonly Buffer[]> {
  const texts = sources.map((source) => textOf(source, needs.textFields));
  const readable = texts.flatMap((text, at) => (text ? [at] : []));
  const fields = new Map<number, string>();
  try {
    const encoded = await needs.model.encodeDocuments(
      readable.map((at) => texts[at]!),
      { priority: 'ingest', signal: needs.signal },
    );
    readable.forEach((at, place) => {
      fields.set(at, miceFields(encoded[place]!, needs.model.bundle.model, contentHash(texts[at]!)));
    });
    needs.onEncoded(readable.length);
  } catch (error) {
    needs.onFault(error, readable.length);
  }
  return sources.map((source, at) =>
    texts[at] === undefined ? source : withObject(source, needs.object, fields.get(at)),
  );
}

/** The document's text, empty when it has none; undefined when the bytes are no JSON object. */
function textOf(source: Buffer, fields: readonly string[]): string | undefined {
  try {
    const document: unknown = JSON.parse(source.toString());
    if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined;
    return selectText(document, fields);
  } catch {
    return undefined;
  }
}

/** `source` with its member `object` replaced by `value`, or taken away when that is undefined. */
function withObject(source: Buffer, object: string, value: string | undefined): Buffer {
  const bare = withoutMember(source, object);
  if (value === undefined) return bare;
  const start = skipSpace(bare, 0);
  const empty = membersOf(bare, start).length === 0;
  const close = bare.lastIndexOf('}');
  const member = `${empty ? '' : ','}${JSON.stringify(object)}:${value}`;
  return Buffer.concat([bare.subarray(0, close), Buffer.from(member), bare.subarray(close)]);
}

/** Every occurrence goes: parsers differ in which of several they take. */
function withoutMember(source: Buffer, key: string): Buffer {
  const members = membersOf(source, skipSpace(source, 0));
  const found = members.findLast((member) => member.key === key);
  return found ? withoutMember(without(source, cutsOf(members, [found])), key) : source;
}
