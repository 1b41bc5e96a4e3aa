/**
 * Texts where vectors belong: a `knn` clause may hold `query_text`, and the cluster then gets the vector of it in its
 * place. Found by where they stand, so that every other byte of the body stays as it was written. Pure.
 */
import type { VectorClause } from '../engine/port.ts';
import { MiceError } from '../errors.ts';
import { type Edit, edited } from '../json/edits.ts';
import { type Span, stringAt } from '../json/spans.ts';
import { type Node, treeOrNone } from '../json/tree.ts';

export interface VectorText {
  readonly text: string;
  /** The member `query_text`, key and value. */
  readonly span: Span;
}

/** Members that hold the caller's own data, in which a `knn` is none of a search. */
export const foreignMembers: ReadonlySet<string> = new Set([
  'params',
  'ext',
  'document',
  'documents',
  'doc',
  'meta',
]);

/**
 * In the order of the body.
 * @throws MiceError `bad-query-text`
 */
export function vectorTextsIn(body: Buffer, clause: VectorClause): readonly VectorText[] {
  // Most bodies hold none; a key that is written with escapes is left to the cluster.
  if (!body.includes('"query_text"')) return [];
  const found: VectorText[] = [];
  const visit = ({ members = [], elements = [] }: Node): void => {
    for (const { key, value } of members) {
      if (key === 'knn') found.push(...textsOf(body, clausesAt(value, clause), clause));
      if (!foreignMembers.has(key)) visit(value);
    }
    elements.forEach(visit);
  };
  // What is no JSON is left to the cluster, which says so.
  const root = treeOrNone(body);
  if (root) visit(root);
  return found;
}

/** The body with `vectors` in place of `texts`, one each. */
export function withVectors(
  body: Buffer,
  texts: readonly VectorText[],
  vectors: readonly Float32Array[],
  { key }: VectorClause,
): Buffer {
  const edits = texts.map(({ span }, at): Edit => ({ span, bytes: `"${key}":${printVector(vectors[at]!)}` }));
  return edited(body, edits);
}

/** As few digits as tell one number of 32 bits from all others. */
export function printVector(vector: Float32Array): string {
  return `[${Array.from(vector, (component) => Number(component.toPrecision(9))).join(',')}]`;
}

/** What says where the vector is: the `knn` itself, one or a list, or what stands under a field's name in it. */
function clausesAt(knn: Node, { field }: VectorClause): readonly Node[] {
  return field === 'key' ? (knn.members ?? []).map(({ value }) => value) : (knn.elements ?? [knn]);
}

function textsOf(body: Buffer, clauses: readonly Node[], { key }: VectorClause): readonly VectorText[] {
  return clauses.flatMap(({ members = [] }) => {
    const [asked, again] = members.filter((member) => member.key === 'query_text');
    if (asked === undefined) return [];
    const other = again ?? members.find((member) => [key, 'query_vector_builder'].includes(member.key));
    if (other) throw refused(`A knn clause has query_text and beside it ${other.key}.`, key);
    const text = stringAt(body, asked.value.span);
    if (text === undefined || text.trim() === '')
      throw refused('The query_text of a knn clause is no text with words in it.', key);
    return [{ text, span: asked.span }];
  });
}

function refused(message: string, key: string): MiceError {
  return new MiceError('bad-query-text', message, {
    hint: `Accepted in a knn clause: either "query_text", one text, or "${key}", numbers.`,
  });
}
