/** Every option, declared once: help text, environment names and docs/configuration.md are made from here. */
import { z } from 'zod';
import { jsonOrUndefined } from '../json/parse.ts';
import type { TokensKept } from '../states/splitting.ts';
import {
  type FirstStageKind,
  firstStageKinds,
  type IndexRule,
  indexRules,
  type OtherBundle,
  otherBundles,
  type StatesRule,
  statesRules,
} from './index-rules.ts';

export interface Option<T> {
  /** Dotted name in the configuration file; `--a-b` on the command line and `MICE_A_B` in the environment. */
  readonly name: string;
  readonly doc: string;
  readonly unit?: string;
  readonly schema: z.ZodType<T>;
  readonly default: T;
  /** What is accepted, in words. */
  readonly accepts: string;
  /** Never printed. */
  readonly secret?: true;
  /** Fixed when the server starts: a reload leaves it as it was. */
  readonly fixed?: true;
}

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);
const list = z.union([
  z.array(z.string().min(1)).min(1),
  z.string().transform((text) => text.split(',').map((item) => item.trim())),
]);
const names = z.preprocess(
  (given) => (typeof given === 'string' ? given.split(',').filter((name) => name.trim() !== '') : given),
  z.array(z.string().trim().min(1)),
);
const baseUrl = z
  .string()
  .regex(/^https?:\/\/[^/\s?#]+\/?$/)
  .transform((url) => url.replace(/\/$/, ''));
const baseUrls = z.preprocess(
  (given) => (typeof given === 'string' ? given.split(',').filter((url) => url.trim() !== '') : given),
  z.array(z.string().trim().pipe(baseUrl)),
);
const file = z.string();

const textField = z.union([
  z
    .string()
    .min(1)
    .transform((field) => ({ field })),
  z.strictObject({
    field: z.string().min(1),
    label: z.string().exactOptional(),
    separator: z.string().exactOptional(),
  }),
]);
const textRule = z.strictObject({
  indices: z.union([
    z
      .string()
      .min(1)
      .transform((name) => [name]),
    z.array(z.string().min(1)).min(1),
  ]),
  fields: z.array(textField).min(1),
  separator: z.string().exactOptional(),
  html: z.boolean().exactOptional(),
});
const textRules = z.preprocess(
  (given) => (typeof given === 'string' ? jsonOrUndefined(given) : given),
  z.array(textRule),
);

function option<T>(declared: Option<T>): Option<T> {
  return declared;
}

export const options = {
  upstreamUrl: option({
    name: 'upstream.url',
    doc: 'Base URL of the cluster.',
    schema: baseUrl,
    default: 'http://127.0.0.1:9200',
    accepts: 'http://host:port or https://host:port, without a path',
  }),
  upstreamNodes: option({
    name: 'upstream.nodes',
    doc: 'Further nodes of the same cluster. Requests go to the nodes in turn; one that cannot be reached is left out until it answers again.',
    schema: baseUrls,
    default: [],
    accepts: 'a list of base URLs like upstream.url, comma-separated on the command line',
  }),
  upstreamConnectMs: option({
    name: 'upstream.connect',
    doc: 'Time to connect to a node.',
    unit: 'ms',
    schema: whole(1, 600_000),
    default: 3000,
    accepts: '1 to 600000',
  }),
  upstreamFailures: option({
    name: 'upstream.failures',
    doc: 'Failed connections in a row after which requests are refused at once for a while; of several nodes, one is left out after its first.',
    schema: whole(1, 1000),
    default: 5,
    accepts: '1 to 1000',
  }),
  upstreamTlsCa: option({
    name: 'upstream.tls.ca',
    doc: "Certificates that the cluster's is checked against; empty for those that Node.js knows.",
    schema: file,
    default: '',
    accepts: 'a PEM file',
  }),
  upstreamTlsCertificate: option({
    name: 'upstream.tls.certificate',
    doc: "The service's own certificate, for clusters that ask for one.",
    schema: file,
    default: '',
    accepts: 'a PEM file',
  }),
  upstreamTlsKey: option({
    name: 'upstream.tls.key',
    doc: 'Key of upstream.tls.certificate.',
    schema: file,
    default: '',
    accepts: 'a PEM file',
  }),
  upstreamTlsName: option({
    name: 'upstream.tls.name',
    doc: "Name that the cluster's certificate is checked against, where it is not the host's.",
    schema: z.string(),
    default: '',
    accepts: 'a host name',
  }),
  upstreamAuthorization: option({
    name: 'upstream.authorization',
    doc: "Authorization header of the service's own requests: detection, reading mappings, setup. Searches and writes carry the caller's.",
    schema: z.string(),
    default: '',
    accepts: 'the value of an Authorization header, e.g. "ApiKey …"; empty for none',
    secret: true,
  }),
  listenHost: option({
    name: 'listen.host',
    doc: 'Address to listen on. Anything but loopback is reachable by others.',
    schema: z.string().min(1),
    default: '127.0.0.1',
    accepts: 'an IP address or host name',
    fixed: true,
  }),
  listenPort: option({
    name: 'listen.port',
    doc: 'Port to listen on; 0 takes a free one.',
    schema: whole(0, 65535),
    default: 9201,
    accepts: '0 to 65535',
    fixed: true,
  }),
  listenSocket: option({
    name: 'listen.socket',
    doc: 'Unix socket to listen on, in place of host and port; a stale one is replaced.',
    schema: z.string(),
    default: '',
    accepts: 'a path',
    fixed: true,
  }),
  listenTlsCertificate: option({
    name: 'listen.tls.certificate',
    doc: 'Certificate chain to serve HTTPS with; read again when it changes.',
    schema: file,
    default: '',
    accepts: 'a PEM file',
    fixed: true,
  }),
  listenTlsKey: option({
    name: 'listen.tls.key',
    doc: 'Key of listen.tls.certificate.',
    schema: file,
    default: '',
    accepts: 'a PEM file',
    fixed: true,
  }),
  drainDelayMs: option({
    name: 'drain.delay',
    doc: 'Time between SIGTERM and the end of listening, with /_mice/ready at 503, so that a balancer can turn away.',
    unit: 'ms',
    schema: whole(0, 600_000),
    default: 0,
    accepts: '0 to 600000',
  }),
  drainLimitMs: option({
    name: 'drain.limit',
    doc: 'Time that running requests get to finish after that; what is left then is cut off.',
    unit: 'ms',
    schema: whole(0, 86_400_000),
    default: 30_000,
    accepts: '0 to 86400000',
  }),
  modelBundle: option({
    name: 'model.bundle',
    doc: 'Directory of the model bundle; empty for the one in the package.',
    schema: z.string(),
    default: '',
    accepts: 'a directory that holds bundle.json',
    fixed: true,
  }),
  modelOthers: option<readonly OtherBundle[]>({
    name: 'model.others',
    doc: 'Bundles besides model.bundle, for moving from one to another: writes get the fields of each where an index was set up for it, and states.rules name the one that searches of an index are answered with. `object` is the name of its fields, "mice_" and the name unless given.',
    schema: otherBundles,
    default: [],
    accepts: 'a list (JSON on the command line) of {name, directory, object}, object optional',
    fixed: true,
  }),
  modelThreads: option({
    name: 'model.threads',
    doc: 'Worker threads that compute; 0 takes one per core, at most 8.',
    schema: whole(0, 256),
    default: 0,
    accepts: '0 to 256',
    fixed: true,
  }),
  modelQueue: option({
    name: 'model.queue',
    doc: 'Tasks that may wait for a thread; more are refused, and the search is answered in the order of the cluster.',
    schema: whole(1, 100_000),
    default: 512,
    accepts: '1 to 100000',
    fixed: true,
  }),
  textFields: option({
    name: 'text.fields',
    doc: 'Fields whose texts are read, in this order, joined by line breaks; dotted names reach into objects.',
    schema: list,
    default: ['title', 'heading', 'name', 'text', 'body', 'content', 'description'],
    accepts: 'a list of field names, comma-separated on the command line',
  }),
  fieldsObject: option({
    name: 'fields.object',
    doc: 'Name of the object that holds vector, states, model and hash in a document.',
    schema: z.string().regex(/^[a-z][a-z0-9_]*$/i),
    default: 'mice',
    accepts: 'letters, digits and underscores, a letter first',
  }),
  rerankEnabled: option({
    name: 'rerank.enabled',
    doc: 'Whether searches are re-ranked.',
    schema: flag,
    default: true,
    accepts: 'true or false',
  }),
  rerankWindow: option({
    name: 'rerank.window',
    doc: 'Hits of the first stage that are re-ranked.',
    unit: 'hits',
    schema: whole(1, 10_000),
    default: 100,
    accepts: '1 to 10000',
  }),
  rerankDeadlineMs: option({
    name: 'rerank.deadline',
    doc: 'Time for query, states and scores after the request came; what is not scored by then follows in the order of the cluster.',
    unit: 'ms',
    schema: whole(1, 600_000),
    default: 2000,
    accepts: '1 to 600000',
  }),
  rerankRules: option<readonly IndexRule[]>({
    name: 'rerank.rules',
    doc: 'Rules for searches of some indices: the first whose `index` (a name, or a pattern with `*`) fits every index of the request holds. Controls of a request go before it.',
    schema: indexRules,
    default: [],
    accepts:
      'a list (JSON on the command line) of {index, mode: on, off or shadow, window, deadline, fields: [where texts are read], question: [fields whose clauses ask], first_stage: as-sent, vector or hybrid}, all but index optional',
  }),
  rerankShare: option({
    name: 'rerank.share',
    doc: 'Share of the searches that are re-ranked, for comparing: the same bucket, or else the same question, is always on the same side.',
    unit: 'percent',
    schema: z.coerce.number().min(0).max(100),
    default: 100,
    accepts: '0 to 100',
  }),
  rerankShadow: option({
    name: 'rerank.shadow',
    doc: 'Whether searches are answered as the cluster does, and scored afterwards to report what re-ranking would change.',
    schema: flag,
    default: false,
    accepts: 'true or false',
  }),
  shadowJudgements: option({
    name: 'shadow.judgements',
    doc: 'File of judgements by which shadow searches report nDCG; empty for none.',
    schema: z.string(),
    default: '',
    accepts: 'a file of lines: question, document id and grade, separated by tabs',
  }),
  vectorsFirstStage: option<FirstStageKind>({
    name: 'vectors.first-stage',
    doc: 'Where the candidates of a search in words come from: "as-sent" leaves them to the search itself, "vector" takes the nearest neighbours of its question, "hybrid" fuses both by reciprocal ranks. Filters of the search hold in any case.',
    schema: z.enum(firstStageKinds),
    default: 'as-sent',
    accepts: 'as-sent, vector or hybrid',
  }),
  vectorsEncoder: option({
    name: 'vectors.encoder',
    doc: 'What makes the vector of a query in words: "fast" is the short distilled encoder (the full one in a bundle without it), "full" the one that re-ranking reads the query with.',
    schema: z.enum(['fast', 'full']),
    default: 'fast',
    accepts: 'fast or full',
  }),
  pagesMb: option({
    name: 'pages.memory',
    doc: "Memory for the orders of windows, so that a search's later pages cost no scoring; 0 keeps none.",
    unit: 'MB',
    schema: whole(0, 100_000),
    default: 16,
    accepts: '0 to 100000',
  }),
  pagesKeepMs: option({
    name: 'pages.keep',
    doc: 'Time for which the order of a window is kept for its later pages.',
    unit: 'ms',
    schema: whole(1, 3_600_000),
    default: 60_000,
    accepts: '1 to 3600000',
  }),
  overloadConcurrency: option({
    name: 'overload.concurrency',
    doc: 'Searches whose documents are scored at a time; 0 takes twice the threads of the model.',
    schema: whole(0, 10_000),
    default: 0,
    accepts: '0 to 10000',
  }),
  overloadQueue: option({
    name: 'overload.queue',
    doc: 'Searches that may wait for that. The more wait, the fewer hits of each are scored; when the queue is full, searches pass through in the order of the cluster.',
    schema: whole(0, 100_000),
    default: 64,
    accepts: '0 to 100000',
  }),
  breakerFailures: option({
    name: 'breaker.failures',
    doc: 'Faults of the model in a row after which searches pass through for a while.',
    schema: whole(1, 1000),
    default: 5,
    accepts: '1 to 1000',
  }),
  breakerPauseMs: option({
    name: 'breaker.pause',
    doc: 'Time until a failing model or node is tried again; it doubles up to 16 times this.',
    unit: 'ms',
    schema: whole(1, 600_000),
    default: 500,
    accepts: '1 to 600000',
  }),
  ingestEnabled: option({
    name: 'ingest.enabled',
    doc: 'Whether writes to prepared indices get vectors and states.',
    schema: flag,
    default: true,
    accepts: 'true or false',
  }),
  ingestFailure: option({
    name: 'ingest.failure',
    doc: 'What becomes of a document that cannot be encoded, because the queue is full or the model failed: "index" writes it without states, to be read on sight and repaired later; "reject" answers the request with 429, or, of a bulk request whose first items are on their way, the rest of such items; "item" refuses that item of a bulk request with 429 and writes the others.',
    schema: z.enum(['index', 'reject', 'item']),
    default: 'index',
    accepts: 'index, reject or item',
  }),
  sweepIndices: option({
    name: 'sweep.indices',
    doc: 'Prepared indices, aliases or data streams whose documents without fresh states are found and repaired now and then; none unless given.',
    schema: names,
    default: [],
    accepts: 'a list of names, comma-separated on the command line',
  }),
  sweepIntervalS: option({
    name: 'sweep.interval',
    doc: 'Time from the end of one such sweep to the next.',
    unit: 's',
    schema: whole(1, 1_000_000),
    default: 300,
    accepts: '1 to 1000000',
  }),
  sweepRate: option({
    name: 'sweep.rate',
    doc: 'Documents that a sweep encodes a second at most; 0 for no limit.',
    unit: 'documents/s',
    schema: whole(0, 1_000_000),
    default: 20,
    accepts: '0 to 1000000',
  }),
  textRules: option({
    name: 'text.rules',
    doc: 'Other texts for some indices: the first rule whose indices match decides, text.fields holds for the rest. A rule has indices (names, * stands for any characters), fields (names, or objects with field, label and separator), separator (a line break unless given) and html (true reads the text of HTML).',
    schema: textRules,
    default: [],
    accepts: 'a list of rules, as JSON on the command line and in the environment',
  }),
  statesRules: option<readonly StatesRule[]>({
    name: 'states.rules',
    doc: 'Where the states of some indices lie: the first rule whose `indices` (names, or patterns with `*`) fit an index decides. `store` is "field" (in the documents), "companion" (in an index beside, which is made where there is none), or "cache" (in the service only). Unless given: in the companion where `mice setup` made one, else in the documents where their mapping has the fields, else in the service only. `bundle` names the bundle in model.others that their searches are answered with; model.bundle unless given.',
    schema: statesRules,
    default: [],
    accepts:
      'a list (JSON on the command line) of {indices, store: field, companion or cache, bundle}, all but indices optional',
  }),
  statesTokens: option<TokensKept | 'bundle'>({
    name: 'states.tokens',
    doc: 'Tokens whose states are stored: "all", or "merged", where the most alike neighbours become their mean until a third is gone, for a third less to store and to score. "bundle" takes what the bundle was trained to read. States that were stored otherwise are stale.',
    schema: z.enum(['bundle', 'all', 'merged']),
    default: 'bundle',
    accepts: 'bundle, all or merged',
    fixed: true,
  }),
  passagesTokens: option({
    name: 'passages.tokens',
    doc: 'Tokens of a passage at most. A text that is longer is split at ends of sentences; 0 takes what the bundle can read at a time, and more than that is no more.',
    unit: 'tokens',
    schema: z.union([z.coerce.number().pipe(z.literal(0)), whole(16, 65_535)]),
    default: 0,
    accepts: '0, or 16 to 65535',
    fixed: true,
  }),
  passagesOverlap: option({
    name: 'passages.overlap',
    doc: 'Tokens that a passage repeats of the one before, at most, and at most half of a passage: whole sentences where they fit.',
    unit: 'tokens',
    schema: whole(0, 32_767),
    default: 0,
    accepts: '0 to 32767',
    fixed: true,
  }),
  passagesMax: option({
    name: 'passages.max',
    doc: 'Passages of a text at most; what is left behind them is not read. Each costs as much to encode, to keep and to score as a short document. 1 splits nothing.',
    unit: 'passages',
    schema: whole(1, 1000),
    default: 4,
    accepts: '1 to 1000',
    fixed: true,
  }),
  passagesVectors: option({
    name: 'passages.vectors',
    doc: 'Vectors of a document: "document" is one, the mean of those of its passages; "passage" writes those of its passages too, into a nested field, so that a search by vector finds it by any of them.',
    schema: z.enum(['document', 'passage']),
    default: 'document',
    accepts: 'document or passage',
  }),
  cacheMb: option({
    name: 'cache.memory',
    doc: 'Memory for states that were encoded on first sight.',
    unit: 'MB',
    schema: whole(1, 1_000_000),
    default: 256,
    accepts: '1 to 1000000',
    fixed: true,
  }),
  cacheQueriesMb: option({
    name: 'cache.queries',
    doc: 'Memory for the encodings of queries that were asked lately; 0 keeps none.',
    unit: 'MB',
    schema: whole(0, 100_000),
    default: 16,
    accepts: '0 to 100000',
    fixed: true,
  }),
  cachePath: option({
    name: 'cache.path',
    doc: 'Directory in which states that were encoded on first sight outlive the process; empty keeps them in memory only. One process uses it at a time.',
    schema: z.string(),
    default: '',
    accepts: 'a directory; it is made where it does not exist',
    fixed: true,
  }),
  cacheDiskMb: option({
    name: 'cache.disk',
    doc: 'Disk for that.',
    unit: 'MB',
    schema: whole(1, 10_000_000),
    default: 4096,
    accepts: '1 to 10000000',
    fixed: true,
  }),
  cacheWriteBack: option({
    name: 'cache.write-back',
    doc: "Whether states that were encoded on first sight are written to the store of their index, where it has one, with the service's own credentials.",
    schema: flag,
    default: false,
    accepts: 'true or false',
  }),
  bodyLimitMb: option({
    name: 'limit.body',
    doc: 'Largest request or answer that is held in memory to be read; larger ones stream through untouched.',
    unit: 'MB',
    schema: whole(1, 2000),
    default: 100,
    accepts: '1 to 2000',
  }),
  logLevel: option({
    name: 'log.level',
    doc: 'Least severe log entries that are written. No level writes document or query text.',
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
    default: 'info',
    accepts: 'fatal, error, warn, info, debug or silent',
  }),
} as const;

export type OptionKey = keyof typeof options;

export type Settings = {
  readonly [Key in OptionKey]: (typeof options)[Key] extends Option<infer T> ? T : never;
};

/** Command-line form of an option's name. */
export function flagOf(name: string): string {
  return `--${name.replaceAll('.', '-')}`;
}

/** Environment form of an option's name. */
export function environmentNameOf(name: string): string {
  return `MICE_${name.replaceAll(/[.-]/g, '_').toUpperCase()}`;
}
