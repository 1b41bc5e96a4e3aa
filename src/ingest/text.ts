/** The text of a document, chosen alike at ingest, at backfill and on sight, so that content hashes agree. */
import { plainText } from './html.ts';

/** One field of a document. */
export interface TextField {
  /** A dotted name reaches into objects, and also matches a key that holds the dot itself. */
  readonly field: string;
  /** Stands before the field's text, e.g. `Title: `. */
  readonly label?: string;
  /** Between the texts of an array; the selection's own unless given. */
  readonly separator?: string;
}

/** Which texts of a document are read, and how they are joined. */
export interface TextSelection {
  readonly fields: readonly TextField[];
  readonly separator: string;
  /** Whether the texts are HTML, of which only the text is read. */
  readonly html: boolean;
}

/** A selection for the indices whose names match one of `indices`; `*` stands for any characters. */
export interface TextRule {
  readonly indices: readonly string[];
  readonly fields: readonly TextField[];
  readonly separator?: string | undefined;
  readonly html?: boolean | undefined;
}

export type SelectionOf = (index: string) => TextSelection;

/** Fields by their names, joined by line breaks. */
export function plainSelection(fields: readonly string[]): TextSelection {
  return { fields: fields.map((field) => ({ field })), separator: '\n', html: false };
}

/** The first rule that matches an index decides; `otherwise` holds for the rest. */
export function selections(rules: readonly TextRule[], otherwise: TextSelection): SelectionOf {
  const compiled = rules.map(({ indices, fields, separator = '\n', html = false }) => ({
    patterns: indices.map(patternOf),
    selection: { fields, separator, html },
  }));
  return (index) => {
    const name = writtenName(index);
    return (
      compiled.find(({ patterns }) => patterns.some((pattern) => pattern.test(name)))?.selection ?? otherwise
    );
  };
}

/** Names of the fields that a selection reads. */
export function fieldNames({ fields }: TextSelection): readonly string[] {
  return fields.map(({ field }) => field);
}

/** Texts of the fields in their order, blank ones left out; empty when there is none. Arrays give theirs in order. */
export function selectText(source: unknown, selection: TextSelection | readonly string[]): string {
  const { fields, separator, html } =
    'fields' in selection ? selection : plainSelection(selection as readonly string[]);
  return fields
    .flatMap(({ field, label, separator: between }) => {
      const found = textsAt(source, field).map((text) => (html ? plainText(text) : text));
      const texts = found.filter((text) => text.trim() !== '');
      if (texts.length === 0 || (label === undefined && between === undefined)) return texts;
      return [`${label ?? ''}${texts.join(between ?? separator)}`];
    })
    .join(separator);
}

/** A data stream is written by its own name and found by its backing index's, `.ds-NAME-2026.01.31-000001`. */
export function writtenName(index: string): string {
  return /^\.ds-(.+?)(?:-\d{4}\.\d{2}\.\d{2})?-\d{6,}$/.exec(index)?.[1] ?? index;
}

function patternOf(wildcard: string): RegExp {
  const literal = wildcard.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 's');
}

function textsAt(value: unknown, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsAt(item, path));
  if (path === '') return typeof value === 'string' ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  const members = value as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, path)) return textsAt(members[path], '');
  // A key may hold the first dots of the path: {"a.b": {"c": …}} is read as {"a": {"b": {"c": …}}} by the engines.
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    if (!Object.hasOwn(members, key)) continue;
    const texts = textsAt(members[key], path.slice(dot + 1));
    if (texts.length > 0) return texts;
  }
  return [];
}
