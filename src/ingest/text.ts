/** The text of a document, chosen alike at ingest, at backfill and on sight, so that content hashes agree. */

/**
 * The texts of `fields` in their order, joined by line breaks; empty when there is none. A dotted name reaches
 * into objects and also matches a key that holds the dot itself; arrays give their texts in order.
 */
export function selectText(source: unknown, fields: readonly string[]): string {
  return fields
    .flatMap((field) => textsAt(source, field))
    .filter((text) => text.trim() !== '')
    .join('\n');
}

function textsAt(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsAt(item, path));
  if (path === '') return typeof value === 'string' ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, path)) return textsAt(members[path], '');
  const dot = path.indexOf('.');
  if (dot === -1 || !Object.hasOwn(members, path.slice(0, dot))) return [];
  return textsAt(members[path.slice(0, dot)], path.slice(dot + 1));
}
