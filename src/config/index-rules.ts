/** Rules for some indices, by name or wildcard: for their searches, and for where their states lie. */
import { z } from 'zod';

/** Where the candidates of a search come from. */
export const firstStageKinds = ['as-sent', 'vector', 'hybrid'] as const;
export type FirstStageKind = (typeof firstStageKinds)[number];

export interface IndexRule {
  /** A name or a pattern with `*`. */
  readonly index: string;
  readonly mode?: 'on' | 'off' | 'shadow' | undefined;
  readonly window?: number | undefined;
  /** ms */
  readonly deadline?: number | undefined;
  /** Fields to read a document's text from. */
  readonly fields?: readonly string[] | undefined;
  /** Fields whose clauses make the question; names or patterns with `*`. */
  readonly question?: readonly string[] | undefined;
  readonly first_stage?: FirstStageKind | undefined;
}

/**
 * Where states lie: in the documents (`field`), in an index beside (`companion`), or in the service only (`cache`).
 */
export const storeNames = ['field', 'companion', 'cache'] as const;
export type StoreName = (typeof storeNames)[number];

/** Where the states of some indices lie. */
export interface StatesRule {
  /** Names of indices, aliases or data streams, or patterns with `*`. */
  readonly indices: readonly string[];
  readonly store?: StoreName | undefined;
  /** Name of the bundle in `model.others` that their searches are answered with; `model.bundle` unless given. */
  readonly bundle?: string | undefined;
}

/** A bundle besides `model.bundle`. */
export interface OtherBundle {
  readonly name: string;
  readonly directory: string;
  /** Name of the object that holds its fields. */
  readonly object: string;
}

const names = z.array(z.string().min(1)).min(1);

const rule = z.strictObject({
  index: z.string().min(1),
  mode: z.enum(['on', 'off', 'shadow']).optional(),
  window: z.int().min(1).max(10_000).optional(),
  deadline: z.int().min(1).max(600_000).optional(),
  fields: names.optional(),
  question: names.optional(),
  first_stage: z.enum(firstStageKinds).optional(),
});

/** A list, or its JSON text as the environment and the command line give it. */
export const indexRules: z.ZodType<readonly IndexRule[]> = z.preprocess(
  (value) => (typeof value === 'string' ? parsed(value) : value),
  z.array(rule),
);

const statesRule = z.strictObject({
  indices: z.union([
    z
      .string()
      .min(1)
      .transform((name) => [name]),
    names,
  ]),
  store: z.enum(storeNames).optional(),
  bundle: z.string().min(1).optional(),
});

const otherBundle = z
  .strictObject({
    name: z.string().regex(/^[a-z][a-z0-9_]*$/),
    directory: z.string().min(1),
    object: z
      .string()
      .regex(/^[a-z][a-z0-9_]*$/i)
      .optional(),
  })
  .transform(({ name, directory, object = `mice_${name}` }) => ({ name, directory, object }));

/** As {@link indexRules}. */
export const otherBundles: z.ZodType<readonly OtherBundle[]> = z.preprocess(
  (value) => (typeof value === 'string' ? parsed(value) : value),
  z.array(otherBundle),
);

/** As {@link indexRules}. */
export const statesRules: z.ZodType<readonly StatesRule[]> = z.preprocess(
  (value) => (typeof value === 'string' ? parsed(value) : value),
  z.array(statesRule),
);

/** The first rule with an `indices` that fits the name of one index. */
export function statesRuleFor(rules: readonly StatesRule[], index: string): StatesRule | undefined {
  return rules.find(({ indices }) => indices.some((pattern) => fitsPattern(pattern, index)));
}

/**
 * The first rule that fits every index of a request.
 * @param index the index expression of the path, decoded; undefined for all indices
 */
export function ruleFor(rules: readonly IndexRule[], index: string | undefined): IndexRule | undefined {
  const wanted = (index ?? '*')
    .split(',')
    .map((name) => (name === '_all' ? '*' : name))
    .filter((name) => !name.startsWith('-'));
  return rules.find(({ index: pattern }) => wanted.every((name) => fitsPattern(pattern, name)));
}

/** Whether `*` in `pattern` can be replaced so that it is `name`. Linear in time for each `*`. */
export function fitsPattern(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return name.length - at >= last.length && name.endsWith(last);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
