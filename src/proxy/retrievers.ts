/** The retrievers of a search body (Elasticsearch), from the outermost to the innermost. */

export interface Retriever {
  /** `standard`, `rrf`, … */
  readonly kind: string;
  readonly members: Readonly<Record<string, unknown>>;
}

/** Retrievers below this depth are not looked at. */
const MAX_DEPTH = 250;

export function retrieversIn(retriever: unknown, depth = 0): readonly Retriever[] {
  if (!isObject(retriever) || depth >= MAX_DEPTH) return [];
  return Object.entries(retriever).flatMap(([kind, members]) => {
    if (!isObject(members)) return [];
    const below = [members['retriever'], ...[members['retrievers'] ?? []].flat()].filter(isObject);
    return [
      { kind, members },
      ...below.flatMap((entry) =>
        retrieversIn(isObject(entry['retriever']) ? entry['retriever'] : entry, depth + 1),
      ),
    ];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
