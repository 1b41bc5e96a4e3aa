/**
 * Scores from stored bytes, through the product's own path, beside what else could have scored the same window: every
 * peer in the same runtime, one thread, in one run.
 */
import { join } from 'node:path';
import { type Bundle, openBundle, optionalGraph } from '../model/bundle.ts';
import type { Session } from '../model/session.ts';
import type { AnswerWork } from './answers.ts';
import { type Child, openProcesses } from './child.ts';
import { measureClients } from './clients.ts';
import {
  type ContestOptions,
  contest,
  type Remote,
  ratio,
  repeated,
  type Spent,
  type Times,
  timesRow,
} from './contest.ts';
import { floatProduct, integerProduct } from './graphs/limits.ts';
import { type Form, randomEncoder, VOCABULARY } from './graphs/random-encoder.ts';
import { measureGrowth } from './growth.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median, rounded } from './report.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { randomIds, storedTokens } from './stored-documents.ts';
import type { WindowWork } from './windows.ts';
import { headsOf, interactionOperations, MLP } from './work.ts';

export interface RerankBenchOptions extends ContestOptions {
  readonly directory: string;
  /** Whether to measure how cost grows, in as many rounds again. */
  readonly growth: boolean;
  /** Whether to measure what concurrent clients get, in as many rounds again. */
  readonly clients: boolean;
}

const CANDIDATES = 100;
const DOCUMENT_TOKENS = 180;
const QUERY_TOKENS = 12;
/** Pairs that cross-encoders read for the whole window, and pairs of one inference: they gain nothing from more. */
const PAIRS = 10;
const PAIRS_AT_ONCE = 2;
/** A small model's fixed costs count, so it reads more at once; and its turn is several windows, as ours is. */
const SMALL_PAIRS_AT_ONCE = 10;
const SMALL_WINDOWS = 2;
const PRODUCT = { rows: 1024, turns: 4 };
const COPIED_BYTES = 1 << 26;

export async function benchRerank(options: RerankBenchOptions): Promise<BenchReport> {
  const machine = machineFacts();
  const bundle = await openBundle(options.directory);
  const load = loadOf(bundle);
  const sizes = [bundle.directory, String(CANDIDATES), String(load.documentTokens), String(load.queryTokens)];
  const sessions = await openSessions();
  const processes = openProcesses();
  try {
    const windows = await processes.child('./windows', sizes);
    const answers = await processes.child('./answers', sizes);
    const found = await contest(await contestants(bundle, sessions, { windows, answers }, load), options);
    const growth = options.growth
      ? await measureGrowth(bundle, { candidates: CANDIDATES, ...load }, options)
      : { laws: {}, rows: [] };
    const served = options.clients ? await clientsOf(bundle, load, options) : { ratios: {}, rows: [] };
    return {
      machine,
      conditions: { ...conditionsOf(bundle, load, options), ...named('law', growth.laws) },
      ratios: { ...ratiosOf(found, bundle, load), ...served.ratios },
      rows: [
        ...Object.entries(found).map(([what, times]) => ({ what, ...timesRow(times) })),
        ...growth.rows.map((row) => ({ what: 'growth', ...row })),
        ...served.rows.map((row) => ({ what: 'clients', ...row })),
      ],
    };
  } finally {
    await sessions.close();
    await processes.stop();
  }
}

interface Load {
  readonly documentTokens: number;
  readonly queryTokens: number;
}

function loadOf({ limits }: Bundle): Load {
  return {
    documentTokens: Math.min(DOCUMENT_TOKENS, limits.documentTokens),
    queryTokens: Math.min(QUERY_TOKENS, limits.queryTokens),
  };
}

/** Milliseconds of every number of clients, a round. */
const CLIENTS_MS = 1500;

function clientsOf(bundle: Bundle, { documentTokens }: Load, options: RerankBenchOptions) {
  return measureClients({ ...options, bundle, candidates: CANDIDATES, documentTokens, forMs: CLIENTS_MS });
}

/** Processes of their own, so that no contestant pays for another's garbage. */
interface Children {
  readonly windows: Child;
  readonly answers: Child;
}

async function contestants(bundle: Bundle, sessions: Sessions, { windows, answers }: Children, load: Load) {
  const { hidden } = bundle.dims;
  const pairTokens = load.queryTokens + load.documentTokens;
  const { bottomLayers, interactionLayers, layers = bottomLayers + interactionLayers } = bundle.source;
  const crossEncoder = (form: Form) =>
    sessions.write(randomEncoder({ layers, hidden, heads: headsOf(bundle), gives: 'score', form }));
  const tiny = { layers: 2, hidden: 128, heads: 2, gives: 'score', form: 'int8-dynamic' } as const;
  const own = await sessions.open(join(bundle.directory, optionalGraph(bundle, 'cross-encoder')));
  const pairsWith = (session: Session, types: boolean) =>
    pairs(session, PAIRS, PAIRS_AT_ONCE, pairTokens, types);
  const tinySession = await sessions.write(randomEncoder(tiny));
  const floats = await sessions.write(floatProduct(hidden, MLP * hidden));
  const integers = await sessions.write(integerProduct(hidden, MLP * hidden));
  const memory = new Uint8Array(COPIED_BYTES).fill(1);
  const copy = new Uint8Array(COPIED_BYTES);
  const inWindows = (work: WindowWork) => asked(windows, work);
  const inAnswers = (work: AnswerWork) => asked(answers, work);
  return {
    mice: inWindows('score'),
    'mice, on all cores': inWindows('score on all cores'),
    'mice, 1000 candidates': inWindows('score many'),
    'mice, reading the stored bytes alone': inWindows('read'),
    'mice, an answer with states': inAnswers('in the answer'),
    'mice, an answer whose states are in memory': inAnswers('in memory'),
    'cross-encoder as shipped': { run: pairsWith(own, true), times: CANDIDATES / PAIRS },
    'cross-encoder float32': {
      run: pairsWith(await crossEncoder('float32'), false),
      times: CANDIDATES / PAIRS,
    },
    'cross-encoder int8-dynamic': {
      run: pairsWith(await crossEncoder('int8-dynamic'), false),
      times: CANDIDATES / PAIRS,
    },
    'TinyBERT-L2-H128 int8-dynamic': repeated(
      SMALL_WINDOWS,
      pairs(tinySession, CANDIDATES, SMALL_PAIRS_AT_ONCE, pairTokens, false),
    ),
    MaxSim: inWindows('maxSim'),
    'product float32': repeated(PRODUCT.turns, product(floats, Float32Array, hidden)),
    'product int8': repeated(PRODUCT.turns, product(integers, Int8Array, hidden)),
    'memory copied': { run: () => copy.set(memory) },
  };
}

type Found = Readonly<Record<keyof Awaited<ReturnType<typeof contestants>>, Times>>;

/** A turn of what a child does. */
function asked(child: Child, work: WindowWork | AnswerWork): Remote {
  return { spend: async () => (await child.ask(work)) as Spent };
}

/** Inferences over `count` pairs of token ids. */
function pairs(session: Session, count: number, atOnce: number, tokens: number, types: boolean) {
  const ids = randomIds(atOnce, tokens, VOCABULARY);
  const { dims } = ids.input_ids;
  const inputs = types ? { ...ids, token_type_ids: { data: new BigInt64Array(atOnce * tokens), dims } } : ids;
  return async () => {
    for (let done = 0; done < count; done += atOnce) await session.run(inputs);
  };
}

function product(session: Session, kind: typeof Float32Array | typeof Int8Array, inner: number) {
  const x = { data: new kind(PRODUCT.rows * inner).fill(1), dims: [PRODUCT.rows, inner] };
  return () => session.run({ x });
}

function ratiosOf(found: Found, bundle: Bundle, load: Load): BenchReport['ratios'] {
  const { mice } = found;
  const { hidden } = bundle.dims;
  const ours =
    interactionOperations(bundle, load.queryTokens, storedTokens(bundle, load.documentTokens)) * CANDIDATES;
  const most = 2 * PRODUCT.rows * hidden * MLP * hidden;
  return rounded({
    crossEncoderSameDtype: ratio(found['cross-encoder as shipped'], mice),
    crossEncoderFp32: ratio(found['cross-encoder float32'], mice),
    crossEncoderInt8Dynamic: ratio(found['cross-encoder int8-dynamic'], mice),
    tinyBertInt8: ratio(found['TinyBERT-L2-H128 int8-dynamic'], mice),
    maxSim: ratio(found.MaxSim, mice),
    thousandVsCrossEncoder25: ratio(found['cross-encoder as shipped'], found['mice, 1000 candidates']) / 4,
    allCoresVsOne: ratio(mice, found['mice, on all cores'], 'wallMs'),
    limitFp32: (ratio(found['product float32'], mice) * ours) / most,
    limitInt8: (ratio(found['product int8'], mice) * ours) / most,
    dataPathShare: ratio(found['mice, reading the stored bytes alone'], mice),
    answerShare: ratio(found['mice, an answer with states'], mice),
    answerFromMemoryShare: ratio(found['mice, an answer whose states are in memory'], mice),
    gigaOperationsFp32: most / median(found['product float32'].cpuMs) / 1e6,
    gigaOperationsInt8: most / median(found['product int8'].cpuMs) / 1e6,
    memoryGbPerSecond: (2 * COPIED_BYTES) / median(found['memory copied'].cpuMs) / 1e6,
  });
}

function conditionsOf(bundle: Bundle, { documentTokens, queryTokens }: Load, { rounds }: RerankBenchOptions) {
  return {
    bundle: bundle.model,
    candidates: CANDIDATES,
    documentTokens,
    storedTokens: storedTokens(bundle, documentTokens),
    queryTokens,
    rounds,
    threads: 1,
    ours: 'from stored bytes to scores: check, decode, lay out, interaction graph, cosine',
    peers:
      'inference alone, from token ids. All but the cross-encoder as shipped are of random weights, which take as ' +
      `long as trained ones: the cross-encoder's shape (${headsOf(bundle)} heads, MLP of ${MLP} times the width, last layer for [CLS] only), ` +
      `TinyBERT's, MaxSim over the same stored bytes`,
    crossEncoders: `${PAIRS} pairs, ${PAIRS_AT_ONCE} at once, for the window of ${CANDIDATES}`,
    figures:
      'processor time of the process, medians over rounds; ratios are the peer’s over ours, round by round; ' +
      'limitFp32 and limitInt8: our matrix products a second over those of a lone product of its MLP’s size',
  };
}

function named(kind: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${kind}.${name}`, value]));
}
