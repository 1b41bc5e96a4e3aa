/**
 * Every fault mice-bridge can name, in one table. The code is the error's code, the log field, the metric
 * label and the anchor in docs/errors.md. `status` is the HTTP status when the fault reaches a client.
 */
export const faults = {
  'bad-option': {
    status: 400,
    exit: 2,
    meaning: 'An option, header or configuration value is not accepted.',
  },
  'bad-request': {
    status: 400,
    exit: 2,
    meaning: 'A request to a /_mice/ route is not of the documented form.',
  },
  'bad-query-text': {
    status: 400,
    exit: 2,
    meaning: 'A `query_text` in a `knn` clause of a search is not of the documented form.',
  },
  'bad-message': {
    status: 400,
    exit: 2,
    meaning: 'A request is ambiguous or no valid HTTP, so it is not sent on.',
  },
  'too-large': { status: 413, exit: 2, meaning: 'A request to a /_mice/ route is over its size limit.' },
  'bundle-missing': {
    status: 500,
    exit: 3,
    meaning: 'The model bundle directory, or a file in it, does not exist.',
  },
  'bundle-invalid': {
    status: 500,
    exit: 3,
    meaning: 'bundle.json is not of a format version that this release reads.',
  },
  'bundle-hash': {
    status: 500,
    exit: 3,
    meaning: 'A file of the bundle differs from the hash in bundle.json.',
  },
  'graph-missing': {
    status: 404,
    exit: 3,
    meaning: 'The bundle has no graph for what was asked; query-fast and cross-encoder are optional.',
  },
  'model-failed': { status: 500, exit: 1, meaning: 'The model runtime failed while it was computing.' },
  'model-overloaded': { status: 503, exit: 1, meaning: 'The queue of the model runtime is full.' },
  'states-corrupt': {
    status: 500,
    exit: 1,
    meaning: 'Stored token states are not of a layout that can be read.',
  },
  'states-foreign': { status: 500, exit: 1, meaning: 'Stored token states were made by another bundle.' },
  'upstream-unreachable': { status: 502, exit: 4, meaning: 'The cluster did not accept a connection.' },
  'upstream-unknown': {
    status: 502,
    exit: 4,
    meaning: 'The upstream is neither Elasticsearch nor OpenSearch of a supported version.',
  },
  'upstream-refused': { status: 502, exit: 4, meaning: 'The cluster refused an administrative request.' },
  'proxy-refused': {
    status: 502,
    exit: 4,
    meaning: 'A mice proxy did not answer one of its own routes as documented.',
  },
  'index-missing': { status: 404, exit: 4, meaning: 'The index does not exist.' },
  'index-mapping': { status: 409, exit: 4, meaning: 'The index has a mapping that does not fit the bundle.' },
  'artifact-fetch': { status: 500, exit: 5, meaning: 'A pinned artefact could not be fetched.' },
  'artifact-hash': { status: 500, exit: 5, meaning: 'A fetched artefact differs from its pinned hash.' },
  'java-missing': { status: 500, exit: 5, meaning: 'No suitable Java was found and none could be fetched.' },
  'disk-full': { status: 500, exit: 5, meaning: 'There is not enough room on the disk.' },
  'port-taken': { status: 500, exit: 5, meaning: 'A port is in use by another process.' },
  'engine-failed': { status: 500, exit: 5, meaning: 'The embedded engine stopped or did not become ready.' },
  'data-invalid': {
    status: 400,
    exit: 2,
    meaning: 'A data directory or file is not of the expected layout.',
  },
  'ingest-refused': {
    status: 429,
    exit: 1,
    meaning:
      'A document was not written, because its states could not be computed and ingest.failure refuses it.',
  },
  aborted: { status: 499, exit: 130, meaning: 'The caller left or the command was interrupted.' },
} as const satisfies Record<
  string,
  { readonly status: number; readonly exit: number; readonly meaning: string }
>;

export type FaultCode = keyof typeof faults;

/** An error with a code of {@link faults}, and a hint that says what would be accepted or what to do. */
export class MiceError extends Error {
  readonly code: FaultCode;
  readonly hint: string | undefined;

  constructor(
    code: FaultCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MiceError';
    this.code = code;
    this.hint = options.hint;
  }

  /** HTTP status to answer with. */
  get status(): number {
    return faults[this.code].status;
  }

  /** Exit status of a command that ends with this error. */
  get exitStatus(): number {
    return faults[this.code].exit;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
