/**
 * The question inside a search request: the texts of its scoring text clauses, in either dialect. Filters,
 * negative clauses and clauses without weight are no part of it. docs/query-text.md is the table of it.
 */
import { type QueryLanguage, wordsOf } from './query-string.ts';

type Json = Readonly<Record<string, unknown>>;

/** A text that a clause asks, and the fields it asks in; none where the engine chooses them. */
interface Asked {
  readonly text: string;
  readonly fields: readonly string[];
  /** Asked of vectors only. */
  readonly ofVector?: true;
}

interface Reading {
  /** Whether a field is one whose clauses ask. */
  readonly asks: (field: string) => boolean;
  readonly depth: number;
}

type Reader = (clause: Json, reading: Reading) => readonly Asked[];

/** Clauses below this depth are not read; both engines refuse nesting long before. */
const MAX_DEPTH = 250;

/** Texts after these are left out: no model reads that far. */
const MAX_TEXTS = 100;

/**
 * The question of a search body, or undefined when it asks none in words.
 * @param asks whether clauses on a field are part of the question; clauses that name no field always are
 */
export function queryTextOf(
  body: unknown,
  asks: (field: string) => boolean = () => true,
): string | undefined {
  if (!isObject(body)) return undefined;
  const stated = statedText(body);
  if (stated !== undefined) return stated;
  const reading = { asks, depth: 0 };
  const texts = [
    ...listOf(body['query']).flatMap((query) => ofQuery(query, reading)),
    ...listOf(body['sub_searches']).flatMap((search) => queriesAt(search, 'query', reading)),
    ...ofRetriever(body['retriever'], reading),
    ...listOf(body['knn']).flatMap((knn) => (isObject(knn) ? ofVectors(knn) : [])),
  ];
  const counted = texts.filter(({ fields }) => fields.length === 0 || fields.some(asks));
  return joined(counted.filter(({ ofVector }) => !ofVector)) ?? joined(counted);
}

/** The texts that one query asks, each once. @param asks as for {@link queryTextOf} */
export function textsIn(query: unknown, asks: (field: string) => boolean): readonly string[] {
  const all = ofQuery(query, { asks, depth: 0 });
  return [...distinct(all.filter(({ fields }) => fields.length === 0 || fields.some(asks))).values()];
}

/**
 * Texts in the order of the body, joined by spaces. A text that stands word for word in another one is left
 * out, whatever its case and spacing, so a text asked of several fields counts once.
 */
function joined(asked: readonly Asked[]): string | undefined {
  const texts = distinct(asked);
  const whole = [...texts].filter(
    ([key]) => ![...texts.keys()].some((other) => other !== key && ` ${other} `.includes(` ${key} `)),
  );
  return whole.length === 0 ? undefined : whole.map(([, text]) => text).join(' ');
}

/** Texts by what they are but for case and spacing. */
function distinct(asked: readonly Asked[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { text } of asked) {
    const clean = text.replace(/\s+/g, ' ').trim();
    const key = clean.toLowerCase();
    if (clean !== '' && !texts.has(key) && texts.size < MAX_TEXTS) texts.set(key, clean);
  }
  return texts;
}

/** The text that a search states for the engine's own re-ranker (OpenSearch's rerank and question answering). */
function statedText(body: Json): string | undefined {
  const ext = objectAt(body, 'ext');
  const context = objectAt(objectAt(ext, 'rerank'), 'query_context');
  const path = context['query_text_path'];
  const stated = [
    context['query_text'],
    typeof path === 'string' ? valueAt(body, path.split('.')) : undefined,
    objectAt(ext, 'generative_qa_parameters')['llm_question'],
  ].find((text) => typeof text === 'string' && text.trim() !== '');
  return (stated as string | undefined)?.trim();
}

/** Clause name → how its texts are read. A clause that is not here asks nothing in words. */
const readers: Readonly<Record<string, Reader>> = {
  match: byField('query'),
  match_phrase: byField('query'),
  match_phrase_prefix: byField('query'),
  match_bool_prefix: byField('query'),
  multi_match: inFields('query', 'fields'),
  combined_fields: inFields('query', 'fields'),
  query_string: inLanguage('lucene'),
  simple_query_string: inLanguage('simple'),
  kql: inLanguage('kql'),
  semantic: inFields('query', 'field'),
  sparse_vector: inFields('query', 'field'),
  text_expansion: byField('model_text'),
  neural: byField('query_text'),
  neural_sparse: byField('query_text'),
  agentic: inFields('query_text', 'query_fields'),
  more_like_this: (clause) =>
    listOf(clause['like']).flatMap((like) => asked(like, baseNames(clause['fields']))),
  knn: (clause) => ofVectors(clause),
  intervals: (clause, reading) =>
    fieldsOf(clause).flatMap(([field, rule]) => ofIntervals(rule, field, reading)),
  bool: within('must', 'should'),
  dis_max: within('queries'),
  hybrid: within('queries'),
  function_score: within('query'),
  script_score: within('query'),
  constant_score: within('filter'),
  nested: within('query'),
  has_child: within('query'),
  has_parent: within('query'),
  boosting: within('positive'),
  pinned: within('organic'),
  rule: within('organic'),
  rule_query: within('organic'),
  template: (clause, reading) => ofQuery(clause, reading),
  span_term: byField('value', 'term'),
  span_near: (clause, reading) => inOneText(queriesAt(clause, 'clauses', reading)),
  span_or: within('clauses'),
  span_not: within('include'),
  span_first: within('match'),
  span_containing: within('big', 'little'),
  span_within: within('big', 'little'),
  field_masking_span: within('query'),
  span_field_masking: within('query'),
};

function ofQuery(query: unknown, { asks, depth }: Reading): readonly Asked[] {
  if (!isObject(query) || depth >= MAX_DEPTH) return [];
  const deeper = { asks, depth: depth + 1 };
  return Object.entries(query).flatMap(([name, clause]) =>
    Object.hasOwn(readers, name) && weighs(clause) ? readers[name]!(clause, deeper) : [],
  );
}

/** Any kind of retriever: what it asks itself, and what the retrievers below it ask. */
function ofRetriever(retriever: unknown, { asks, depth }: Reading): readonly Asked[] {
  if (!isObject(retriever) || depth >= MAX_DEPTH) return [];
  const deeper = { asks, depth: depth + 1 };
  return Object.values(retriever)
    .filter(isObject)
    .flatMap((kind) => {
      // What a re-ranking retriever is told to compare with is the caller's own statement of the question.
      if (typeof kind['inference_text'] === 'string') return asked(kind['inference_text'], []);
      const below = [kind['retriever'], ...listOf(kind['retrievers'])].filter(isObject);
      return [
        ...(typeof kind['query'] === 'string'
          ? asked(kind['query'], baseNames(kind['fields']))
          : ofQuery(kind['query'], deeper)),
        ...ofVectors(kind),
        ...below
          .filter(({ weight }) => weight !== 0)
          .flatMap((entry) => ofRetriever(isObject(entry['retriever']) ? entry['retriever'] : entry, deeper)),
      ];
    });
}

/** A vector clause asks in words only where they are to be encoded: by the engine, or by the proxy (`query_text`). */
function ofVectors(knn: Json): readonly Asked[] {
  const { model_text } = objectAt(objectAt(knn, 'query_vector_builder'), 'text_embedding');
  const encoded = [knn, ...Object.values(knn).filter(isObject)].flatMap(({ query_text }) =>
    typeof query_text === 'string' ? [{ text: query_text, fields: [], ofVector: true as const }] : [],
  );
  return [...asked(model_text, baseNames(knn['field'])), ...encoded];
}

/** A rule of an `intervals` clause; its filters only restrict. */
function ofIntervals(rule: unknown, field: string, { asks, depth }: Reading): readonly Asked[] {
  if (!isObject(rule) || depth >= MAX_DEPTH) return [];
  const deeper = { asks, depth: depth + 1 };
  const inner = ['all_of', 'any_of'].flatMap((kind) => listOf(objectAt(rule, kind)['intervals']));
  const match = objectAt(rule, 'match');
  const useField = match['use_field'];
  return [
    ...asked(match['query'], [typeof useField === 'string' ? useField : field]),
    ...inner.flatMap((one) => ofIntervals(one, field, deeper)),
  ];
}

/** `{ field: "text" }` or `{ field: { [key]: "text" } }`, by the first key that is there. */
function byField(...keys: readonly string[]): Reader {
  const textOf = (value: Json) => value[keys.find((key) => key in value) ?? ''];
  return (clause) =>
    fieldsOf(clause).flatMap(([field, value]) =>
      isObject(value) ? (weighs(value) ? asked(textOf(value), [field]) : []) : asked(value, [field]),
    );
}

/** `{ [textKey]: "text", [fieldsKey]: field or fields }`. */
function inFields(textKey: string, fieldsKey: string): Reader {
  return (clause) => asked(clause[textKey], baseNames(clause[fieldsKey]));
}

function inLanguage(language: QueryLanguage): Reader {
  return (clause, { asks }) => {
    const { query, flags } = clause;
    if (typeof query !== 'string') return [];
    const fields = baseNames(clause['fields'] ?? clause['default_field']).filter((name) => name !== '*');
    if (language === 'simple' && flags === 'NONE') return asked(query, fields);
    return asked(wordsOf(query, language, asks), fields);
  };
}

/** Clauses at `keys`, one or a list. */
function within(...keys: readonly string[]): Reader {
  return (clause, reading) => keys.flatMap((key) => queriesAt(clause, key, reading));
}

function queriesAt(clause: unknown, key: string, reading: Reading): readonly Asked[] {
  return isObject(clause) ? listOf(clause[key]).flatMap((query) => ofQuery(query, reading)) : [];
}

function inOneText(terms: readonly Asked[]): readonly Asked[] {
  return asked(terms.map(({ text }) => text).join(' '), [...new Set(terms.flatMap(({ fields }) => fields))]);
}

function asked(text: unknown, fields: readonly string[]): readonly Asked[] {
  if (typeof text === 'number') return [{ text: String(text), fields }];
  return typeof text === 'string' ? [{ text, fields }] : [];
}

/** Members of a clause that is keyed by field. */
function fieldsOf(clause: Json): readonly (readonly [string, unknown])[] {
  return Object.entries(clause).filter(([name]) => name !== 'boost' && name !== '_name');
}

/** Names without their weights: `title^3` is `title`. */
function baseNames(fields: unknown): readonly string[] {
  return listOf(fields)
    .filter((field) => typeof field === 'string')
    .map((field) => field.replace(/\^.*$/, ''));
}

/** An object that counts: a boost of nothing makes a clause a filter. */
function weighs(clause: unknown): clause is Json {
  return isObject(clause) && clause['boost'] !== 0;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (found, key) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, key)
        ? (found as Json)[key]
        : undefined,
    value,
  );
}

function objectAt(value: Json, key: string): Json {
  const inner = value[key];
  return isObject(inner) ? inner : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
