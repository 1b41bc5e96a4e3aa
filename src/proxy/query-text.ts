/**
 * The question inside a search request: the texts of its scoring text clauses, in either dialect.
 * Filters, `must_not` and other negative clauses are no part of the question.
 */
import { plainQueryString } from './query-string.ts';

type Json = Readonly<Record<string, unknown>>;
type Reader = (clause: unknown) => readonly string[];

/** The question of a search body, or undefined when it asks none in words. Texts are joined in order, each once. */
export function queryTextOf(body: unknown): string | undefined {
  if (!isObject(body)) return undefined;
  const texts = [
    ...textsOfQuery(body['query']),
    ...textsOfRetriever(body['retriever']),
    ...textsOfKnn(body['knn']),
  ];
  const distinct = [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))];
  return distinct.length === 0 ? undefined : distinct.join(' ');
}

/** Clause name → how its texts are read. A clause that is not here asks nothing in words. */
const readers: Readonly<Record<string, Reader>> = {
  match: fieldTexts('query'),
  match_phrase: fieldTexts('query'),
  match_phrase_prefix: fieldTexts('query'),
  match_bool_prefix: fieldTexts('query'),
  multi_match: member('query'),
  combined_fields: member('query'),
  semantic: member('query'),
  query_string: (clause) => member('query')(clause).map(plainQueryString),
  simple_query_string: (clause) => member('query')(clause).map(plainQueryString),
  neural: fieldTexts('query_text'),
  neural_sparse: fieldTexts('query_text'),
  sparse_vector: member('query'),
  knn: textsOfKnn,
  bool: (clause) => [...queriesAt(clause, 'must'), ...queriesAt(clause, 'should')],
  dis_max: (clause) => queriesAt(clause, 'queries'),
  hybrid: (clause) => queriesAt(clause, 'queries'),
  function_score: (clause) => queriesAt(clause, 'query'),
  script_score: (clause) => queriesAt(clause, 'query'),
  constant_score: (clause) => queriesAt(clause, 'filter'),
  nested: (clause) => queriesAt(clause, 'query'),
  has_child: (clause) => queriesAt(clause, 'query'),
  has_parent: (clause) => queriesAt(clause, 'query'),
  boosting: (clause) => queriesAt(clause, 'positive'),
  pinned: (clause) => queriesAt(clause, 'organic'),
};

function textsOfQuery(query: unknown): readonly string[] {
  if (!isObject(query)) return [];
  return Object.entries(query).flatMap(([name, clause]) =>
    Object.hasOwn(readers, name) ? readers[name]!(clause) : [],
  );
}

function textsOfRetriever(retriever: unknown): readonly string[] {
  if (!isObject(retriever)) return [];
  return Object.values(retriever).flatMap((kind) => {
    if (!isObject(kind)) return [];
    const inner = [kind['retriever'], ...listOf(kind['retrievers'])];
    return [
      ...textsOfQuery(kind['query']),
      ...textsOfKnn(kind),
      ...inner.flatMap((item) =>
        textsOfRetriever(isObject(item) && isObject(item['retriever']) ? item['retriever'] : item),
      ),
    ];
  });
}

/** A vector clause asks in words only where the engine is to encode them. */
function textsOfKnn(knn: unknown): readonly string[] {
  return listOf(knn).flatMap((clause) => {
    const builder = isObject(clause) ? clause['query_vector_builder'] : undefined;
    const embedding = isObject(builder) ? builder['text_embedding'] : undefined;
    return isObject(embedding) ? strings(embedding['model_text']) : [];
  });
}

/** `{ field: "text" }` or `{ field: { [key]: "text" } }`. */
function fieldTexts(key: string): Reader {
  return (clause) => {
    if (!isObject(clause)) return [];
    return Object.values(clause).flatMap((value) => strings(isObject(value) ? value[key] : value));
  };
}

function member(key: string): Reader {
  return (clause) => (isObject(clause) ? strings(clause[key]) : []);
}

function queriesAt(clause: unknown, key: string): readonly string[] {
  return isObject(clause) ? listOf(clause[key]).flatMap(textsOfQuery) : [];
}

function strings(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : typeof value === 'number' ? [String(value)] : [];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
