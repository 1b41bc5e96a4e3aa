/**
 * The words of a query written in one of the engines' query languages: operators, field names, boosts,
 * ranges, patterns and negated parts taken away. One pass; time is linear in the query's length.
 */

/**
 * `lucene`: `query_string` and the URL parameter `q`. `simple`: `simple_query_string`, which knows neither
 * fields nor operators in words. `kql`: Kibana's, whose operators are in small letters too.
 */
export type QueryLanguage = 'lucene' | 'simple' | 'kql';

interface Grammar {
  /** What a term is made of; a backslash takes any character in. */
  readonly term: RegExp;
  readonly negation: RegExp;
  readonly joining: RegExp;
  /** A term before one of these names a field. */
  readonly fieldMark: RegExp | undefined;
}

const termBut = (specials: string) => new RegExp(`(?:[^\\s${specials}\\\\]|\\\\[\\s\\S])+`, 'y');

const grammars: Readonly<Record<QueryLanguage, Grammar>> = {
  lucene: {
    term: termBut('"()\\[\\]{}^~:'),
    negation: /^NOT$/,
    joining: /^(?:AND|OR|&&|\|\|)$/,
    fieldMark: /:(?=\S)/y,
  },
  simple: { term: termBut('"()|+~'), negation: /^$/, joining: /^$/, fieldMark: undefined },
  kql: {
    term: termBut('"(){}:'),
    negation: /^not$/i,
    joining: /^(?:and|or)$/i,
    fieldMark: /\s*:\s*(?=\S)/y,
  },
};

interface Scope {
  readonly negated: boolean;
  /** Whether what stands here is in a field that asks. */
  readonly asks: boolean;
}

/** @param asks whether words in a field are part of the question; words in no named field always are */
export function wordsOf(
  query: string,
  language: QueryLanguage = 'lucene',
  asks: (field: string) => boolean = () => true,
): string {
  const { term, negation, joining, fieldMark } = grammars[language];
  const endOfPattern = patternEnds(query);
  const words: string[] = [];
  const outer: Scope[] = [];
  let scope: Scope = { negated: false, asks: true };
  let next: Scope = scope;
  const emit = (text: string) => {
    if (!next.negated && next.asks && text !== '') words.push(text);
    next = scope;
  };
  for (let at = 0; at < query.length; ) {
    const char = query[at] as string;
    const phrase = char === '"' ? endOfPhrase(query, at) : -1;
    const skipped = language === 'lucene' ? endOfPattern(at) : -1;
    if (phrase !== -1) {
      emit(unescaped(query.slice(at + 1, phrase)));
      at = phrase + 1;
    } else if (skipped !== -1) {
      next = scope;
      at = skipped;
    } else if (char === '(') {
      outer.push(scope);
      scope = next;
      at++;
    } else if (char === ')') {
      scope = outer.pop() ?? scope;
      next = scope;
      at++;
    } else if (isSuffix(char)) {
      at = matchEnd(/[~^][\d.]*/y, query, at) ?? at + 1;
    } else if (isNegation(query, at, language)) {
      next = { ...next, negated: true };
      at++;
    } else {
      const end = matchEnd(term, query, at) ?? at;
      const text = query.slice(at, end);
      const value = fieldMark && end > at ? matchEnd(fieldMark, query, end) : undefined;
      if (value !== undefined)
        next = { ...next, asks: next.asks && text !== '_exists_' && asks(plain(text)) };
      else if (negation.test(text) && end > at) next = { ...next, negated: true };
      else if (end > at && !joining.test(text)) emit(word(text));
      at = value ?? Math.max(end, at + 1);
    }
  }
  return words.join(' ').replace(/\s+/g, ' ').trim();
}

const isSuffix = (char: string) => char === '~' || char === '^';

/** `-` and `!` negate what they touch; with space after them they are punctuation. */
function isNegation(query: string, at: number, language: QueryLanguage): boolean {
  const char = query[at];
  if (char !== '-' && (char !== '!' || language !== 'lucene')) return false;
  return language !== 'kql' && /\S/.test(query[at + 1] ?? ' ');
}

/** The closing quote of the phrase that opens at `at`; the end of the query where there is none. */
function endOfPhrase(query: string, at: number): number {
  let end = at + 1;
  while (end < query.length && query[end] !== '"') end += query[end] === '\\' ? 2 : 1;
  return Math.min(end, query.length);
}

/**
 * Finds the end of the regular expression or the range that opens at an offset; -1 where none does. What was
 * found ahead is kept, so that openings without an end do not make the scan start over.
 */
function patternEnds(query: string): (at: number) => number {
  const bracket = nextOf(query, /[\]}]/g);
  const slash = nextOf(query, /(?<!\\)\//g);
  return (at) => {
    const char = query[at];
    if (char === '[' || char === '{') return bracket(at + 1);
    return char === '/' ? slash(at + 1) : -1;
  };
}

/** The end of the first match at or after an offset, which must not fall from call to call; -1 for none. */
function nextOf(query: string, pattern: RegExp): (from: number) => number {
  let found = 0;
  return (from) => {
    if (found !== -1 && found <= from) {
      pattern.lastIndex = from;
      found = pattern.test(query) ? pattern.lastIndex : -1;
    }
    return found;
  };
}

function matchEnd(pattern: RegExp, query: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(query) ? pattern.lastIndex : undefined;
}

/** A term as a word: a comparison is none, nor is one with a wildcard inside; wildcards at its end go. */
function word(term: string): string {
  if (/^[<>]/.test(term)) return '';
  let start = 0;
  let end = term.length;
  while (start < end && '+|&='.includes(term[start] as string)) start++;
  while (end > start && '*?+|&='.includes(term[end - 1] as string) && term[end - 2] !== '\\') end--;
  const stem = term.slice(start, end);
  return /(?<!\\)[*?]/.test(stem) || /^[\p{P}\p{S}]*$/u.test(stem) ? '' : plain(stem);
}

const plain = (text: string) => unescaped(text).trim();

function unescaped(text: string): string {
  return text.replace(/\\([\s\S])/g, '$1');
}
