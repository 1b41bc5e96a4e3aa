/**
 * `filter_path`: which parts of an answer a caller wants. The widened search asks for a little more, and what
 * that adds to each hit is taken out again.
 */

import { fitsPattern } from '../config/index-rules.ts';

/** What re-ranking has to see of a hit, whatever the caller wants of it. */
const needed = ['_index', '_id', '_routing'] as const;

/** In what the hits of a search are answered: alone, among those of several, or in an asynchronous search's answer. */
export type AnswerForm = 'search' | 'several' | 'async';

/** Where the answer of a search lies, and what is needed beside it: to count answers, or to know that one is kept. */
const forms: Readonly<
  Record<AnswerForm, { readonly root: readonly string[]; readonly beside: readonly string[][] }>
> = {
  search: { root: [], beside: [] },
  several: { root: ['responses'], beside: [['responses', 'status']] },
  async: { root: ['response'], beside: [['id']] },
};

/** What a filter means for re-ranking. */
export type FilterDemand =
  | {
      readonly kind: 'hits';
      /** The `filter_path` to send. */
      readonly widened: string;
      /** Members of a hit that the caller does not want. */
      readonly hidden: readonly string[];
      /** Whether `_source` comes as it would without a filter. */
      readonly sourceIsWhole: boolean;
      /** Whether the caller does not want what is needed beside. */
      readonly hidesBeside: boolean;
    }
  /** The caller sees no hits, or forbids what is needed to know them. */
  | { readonly kind: 'none' };

/**
 * @param filterPath the parameter's value
 * @param statesField doc-value field that the widened search asks for
 */
export function readFilterPath(
  filterPath: string,
  statesField: string,
  form: AnswerForm = 'search',
): FilterDemand {
  const patterns = filterPath.split(',').map((pattern) => pattern.trim());
  const includes = patterns.filter((pattern) => pattern !== '' && !pattern.startsWith('-')).map(segmentsOf);
  const excludes = patterns
    .filter((pattern) => pattern.startsWith('-'))
    .map((pattern) => segmentsOf(pattern.slice(1)));
  const { root, beside } = forms[form];
  const hit = (...names: readonly string[]) => [...root, 'hits', 'hits', ...names];
  const wholly = (path: readonly string[]) =>
    includes.length === 0 || includes.some((pattern) => covers(pattern, path));
  const forbidden = (path: readonly string[]) => excludes.some((pattern) => covers(pattern, path));
  const seesHits = includes.length === 0 || includes.some((pattern) => reachesInto(pattern, hit()));
  const statesPath = hit('fields', statesField);
  const known = [...needed.map((name) => hit(name)), statesPath, ...beside];
  if (!seesHits || known.some(forbidden)) return { kind: 'none' };
  const ours = known.map((path) => path.map((name) => name.replaceAll('.', '\\.')).join('.'));
  return {
    kind: 'hits',
    widened: includes.length === 0 ? filterPath : [filterPath, ...ours].join(','),
    hidden: needed.filter((name) => !wholly(hit(name))),
    hidesBeside: !beside.every(wholly),
    sourceIsWhole:
      wholly(hit('_source')) && !excludes.some((pattern) => reachesInto(pattern, hit('_source'))),
  };
}

/** Segments of a pattern; a backslash keeps a dot inside a name. */
function segmentsOf(pattern: string): readonly string[] {
  return pattern.split(/(?<!\\)\./).map((segment) => segment.replaceAll('\\.', '.'));
}

/** Whether `pattern` takes in `path` and all below it: it fits the path or something above. */
function covers(pattern: readonly string[], path: readonly string[]): boolean {
  return endsOf(pattern, path).includes(pattern.length);
}

/** Whether `pattern` takes in something at, above or below `path`. */
function reachesInto(pattern: readonly string[], path: readonly string[]): boolean {
  return covers(pattern, path) || endsOf(pattern, path).at(-1) !== undefined;
}

/**
 * How far into `pattern` one can be after following `path`, or at its end before: `pattern.length` stands for
 * all of it. `**` stands for any number of names, none included.
 */
function endsOf(pattern: readonly string[], path: readonly string[]): readonly number[] {
  let at = withSkips(pattern, [0]);
  for (const name of path) {
    const reached = new Set<number>();
    for (const place of at) {
      const segment = pattern[place];
      if (segment === undefined) reached.add(pattern.length);
      else if (segment === '**') reached.add(place);
      else if (fitsPattern(segment, name)) reached.add(place + 1);
    }
    at = withSkips(pattern, [...reached]);
  }
  return at;
}

function withSkips(pattern: readonly string[], places: readonly number[]): readonly number[] {
  const all = new Set(places);
  for (const place of all) if (pattern[place] === '**') all.add(place + 1);
  return [...all];
}
