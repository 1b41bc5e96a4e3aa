/** Which requests are ours to look into, by method and path alone: media types of `_bulk` differ by client. */

export type Interception =
  | { readonly kind: 'search' }
  | { readonly kind: 'bulk'; readonly index: string | undefined }
  | { readonly kind: 'document'; readonly index: string }
  /** Routes of our own under `/_mice/`. */
  | { readonly kind: 'own' }
  /** Everything else streams through untouched. */
  | { readonly kind: 'pass' };

interface Rule {
  readonly methods: readonly string[];
  readonly path: RegExp;
  readonly interception: (index: string | undefined) => Interception;
}

/** Order is precedence; the first rule that fits decides. Index names that start with a dot are the cluster's own. */
const rules: readonly Rule[] = [
  { methods: [], path: /^\/_mice(?:\/|$)/, interception: () => ({ kind: 'own' }) },
  {
    methods: ['GET', 'POST'],
    path: /^\/(?:([^/._][^/]*)\/)?_search$/,
    interception: () => ({ kind: 'search' }),
  },
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
];

/** @param target path with query string, as received */
export function intercept(method: string, target: string): Interception {
  const [path = '/'] = target.split('?', 1);
  for (const { methods, path: pattern, interception } of rules) {
    if (methods.length > 0 && !methods.includes(method)) continue;
    const match = pattern.exec(path);
    if (match) return interception(match[1] === undefined ? undefined : decoded(match[1]));
  }
  return { kind: 'pass' };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
