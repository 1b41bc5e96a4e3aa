/**
 * What a query demands of a document besides its words: the same query with `match_all` in place of every clause that
 * only asks the question. Whatever stands beside such a clause holds as it did before (filters, `must_not`, terms in
 * `must`, `minimum_should_match`), so a search by vector under this filter shows nothing that these exclude. Pure.
 */
import { type Edit, edited } from '../json/edits.ts';
import type { Node } from '../json/tree.ts';
import { wordsOf } from './query-string.ts';
import { textsIn } from './query-text.ts';

/** A query whose words are one text may be freed of them; of several texts each may be a restriction, and stays. */
export interface Restriction {
  /** JSON; undefined where every document may be found. */
  readonly filter: string | undefined;
}

/** Clauses that hold clauses, and under which names those that may ask. What else they hold stays. */
const containers: Readonly<Record<string, readonly string[]>> = {
  bool: ['must', 'should'],
  dis_max: ['queries'],
  function_score: ['query'],
  script_score: ['query'],
  constant_score: ['filter'],
  boosting: ['positive'],
  nested: ['query'],
  has_child: ['query'],
  has_parent: ['query'],
};

/** Clauses that do nothing but ask in words. */
const asking: ReadonlySet<string> = new Set([
  'match',
  'match_phrase',
  'match_phrase_prefix',
  'match_bool_prefix',
  'multi_match',
  'combined_fields',
  'more_like_this',
  'query_string',
  'simple_query_string',
  'semantic',
  'sparse_vector',
  'text_expansion',
  'neural_sparse',
]);

const ALL = '{"match_all":{}}';

/**
 * @param query where the query stands in `body`
 * @param question of the search; whoever states another than the query's own words restricts by these
 * @param asks whether clauses on a field are part of the question
 */
export function restrictionOf(
  body: Buffer,
  query: Node,
  question: string,
  asks: (field: string) => boolean,
): Restriction {
  const text = (node: Node) => body.toString('utf8', node.span.start, node.span.end);
  const texts = textsIn(JSON.parse(text(query)), asks);
  if (texts.some((one) => !isSameText(one, question))) return { filter: text(query) };

  const isAsking = (node: Node, name: string) => {
    if (!asking.has(name)) return false;
    const clause = JSON.parse(text(node));
    return textsIn(clause, asks).some(isWorded) && isPlain(name, clause[name]);
  };

  /** What is to be changed in a query, and whether nothing is left of it then. */
  const freed = (node: Node): { readonly edits: readonly Edit[]; readonly whole: boolean } => {
    const held = { edits: [], whole: false };
    const [member, more] = node.members ?? [];
    if (member === undefined || more) return held;
    const { key: name, value } = member;
    // A clause without weight is a filter, as are the clauses in it.
    if (value.members?.some(({ key, value: boost }) => key === 'boost' && Number(text(boost)) === 0))
      return held;
    if (isAsking(node, name)) return { edits: [{ span: node.span, bytes: ALL }], whole: true };
    const keys = Object.hasOwn(containers, name) ? containers[name]! : [];
    const inner = (value.members ?? [])
      .filter(({ key }) => keys.includes(key))
      .flatMap(({ value: clauses }) => clauses.elements ?? [clauses])
      .map(freed);
    const whole =
      inner.length > 0 && inner.every((one) => one.whole) && (name !== 'bool' || onlyAsks(value, keys));
    return whole
      ? { edits: [{ span: node.span, bytes: ALL }], whole }
      : { edits: inner.flatMap(({ edits }) => edits), whole };
  };

  const { edits, whole } = freed(query);
  if (whole) return { filter: undefined };
  const { start, end } = query.span;
  const moved = edits.map(({ span, bytes }) => ({
    span: { start: span.start - start, end: span.end - start },
    bytes,
  }));
  return { filter: edited(body.subarray(start, end), moved).toString() };
}

/** Whether a bool query has no other clauses than those of `keys`. */
function onlyAsks({ members = [] }: Node, keys: readonly string[]): boolean {
  const harmless = ['boost', '_name', 'minimum_should_match', 'adjust_pure_negative', ...keys];
  return members.every(({ key }) => harmless.includes(key));
}

/** Whether a query in a language is words alone: fields, operators and negations in it restrict. */
function isPlain(name: string, clause: unknown): boolean {
  if (name !== 'query_string' && name !== 'simple_query_string') return true;
  const query = (clause as { query?: unknown } | null)?.query;
  return typeof query === 'string' && isPlainQuestion(query, name === 'query_string' ? 'lucene' : 'simple');
}

/** Whether a text in a query language does nothing but ask. */
export function isPlainQuestion(query: string, language: 'lucene' | 'simple' = 'lucene'): boolean {
  return isWorded(query) && wordsOf(query, language) === query.replace(/\s+/g, ' ').trim();
}

/** The same words, whatever their case and spacing. */
export function isSameText(one: string, other: string): boolean {
  const plain = (text: string) => text.replace(/\s+/g, ' ').trim().toLowerCase();
  return plain(one) === plain(other);
}

/** Numbers and signs look more like a value to be met than like a question. */
function isWorded(text: string): boolean {
  return /\p{L}/u.test(text);
}
