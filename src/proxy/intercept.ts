/** Which requests are ours to look into, by method and path alone: media types of `_bulk` differ by client. */

/** How searches are asked; `async` and the templates are answered in an envelope or rendered first. */
export type SearchForm = 'search' | 'async' | 'template' | 'multi' | 'multi-template';

export interface SearchInterception {
  readonly kind: 'search';
  readonly form: SearchForm;
  /** The index expression, decoded; undefined for all indices. */
  readonly index: string | undefined;
}

export type Interception =
  | SearchInterception
  | { readonly kind: 'bulk'; readonly index: string | undefined }
  | { readonly kind: 'document'; readonly index: string }
  | { readonly kind: 'update'; readonly index: string; readonly id: string }
  | { readonly kind: 'reindex' }
  /** Routes of our own under `/_mice/`. */
  | { readonly kind: 'own' }
  /** Everything else streams through untouched. */
  | { readonly kind: 'pass' };

interface Rule {
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly interception: (index: string | undefined, id: string | undefined) => Interception;
}

/** An index expression: names, patterns, aliases, date math, `_all`. What starts with a dot is the cluster's own. */
const expression = '(_all|[^/._][^/]*)';

function searches(form: SearchForm, endpoint: string, methods: readonly string[]): Rule {
  return {
    methods,
    path: new RegExp(`^/(?:${expression}/)?${endpoint}/?$`),
    interception: (index) => ({ kind: 'search', form, index }),
  };
}

/** Order is precedence; the first rule that fits decides. */
const rules: readonly Rule[] = [
  { methods: [], path: /^\/_mice(?:\/|$)/, interception: () => ({ kind: 'own' }) },
  searches('search', '_search', ['GET', 'POST']),
  searches('template', '_search/template', ['GET', 'POST']),
  searches('multi', '_msearch', ['GET', 'POST']),
  searches('multi-template', '_msearch/template', ['GET', 'POST']),
  searches('async', '_async_search', ['POST']),
  {
    methods: ['POST', 'PUT'],
    path: /^\/(?:([^/._][^/]*)\/)?_bulk$/,
    interception: (index) => ({ kind: 'bulk', index }),
  },
  {
    methods: ['POST', 'PUT'],
    path: /^\/([^/._][^/]*)\/(?:_doc(?:\/[^/]+)?|_create\/[^/]+)$/,
    interception: (index) => ({ kind: 'document', index: index as string }),
  },
  {
    methods: ['POST'],
    path: /^\/([^/._][^/]*)\/_update\/([^/]+)$/,
    interception: (index, id) => ({ kind: 'update', index: index as string, id: id as string }),
  },
  { methods: ['POST'], path: /^\/_reindex$/, interception: () => ({ kind: 'reindex' }) },
];

/** @param target path with query string, as received */
export function intercept(method: string, target: string): Interception {
  const [path = '/'] = target.split('?', 1);
  for (const { methods, path: pattern, interception } of rules) {
    if (methods.length > 0 && !methods.includes(method)) continue;
    const match = pattern.exec(path);
    if (match) return interception(decoded(match[1]), decoded(match[2]));
  }
  return { kind: 'pass' };
}

function decoded(segment: string | undefined): string | undefined {
  try {
    if (segment === undefined) return undefined;
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
