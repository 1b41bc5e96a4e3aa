/** Queries and documents to vectors: the bundle's encoders, and encoders of two layers beside deeper ones. */
import { join } from 'node:path';
import { openBundle, optionalGraph } from '../model/bundle.ts';
import type { Session } from '../model/session.ts';
import { type Contestant, type ContestOptions, contest, ratio, repeated, timesRow } from './contest.ts';
import { type Form, randomEncoder, VOCABULARY } from './graphs/random-encoder.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, rounded } from './report.ts';
import { openSessions } from './sessions.ts';
import { randomIds } from './stored-documents.ts';
import { headsOf } from './work.ts';

export interface EncodeBenchOptions extends ContestOptions {
  readonly directory: string;
}

const DOCUMENT_TOKENS = 180;
const QUERY_TOKENS = 12;
/** A short text takes about a millisecond, so a turn is several. */
const TURNS = { query: 24, document: 2 };
/** Queries that a model thread encodes at once when so many wait. */
const TOGETHER = 8;
const FORMS = ['float32', 'int8-blocks', 'int8-dynamic'] as const satisfies readonly Form[];
const DEPTHS = [2, 6, 12] as const;

export async function benchEncode(options: EncodeBenchOptions): Promise<BenchReport> {
  const machine = machineFacts();
  const bundle = await openBundle(options.directory);
  const documentTokens = Math.min(DOCUMENT_TOKENS, bundle.limits.documentTokens);
  const queryTokens = Math.min(QUERY_TOKENS, bundle.limits.queryTokens);
  const sessions = await openSessions();
  const query = (session: Session) => turns(session, queryTokens, TURNS.query);
  const document = (session: Session) => turns(session, documentTokens, TURNS.document);
  const own = (file: string) => sessions.open(join(bundle.directory, file));
  try {
    const queryGraph = await own(bundle.graphs.query);
    const fast = await own(optionalGraph(bundle, 'query-fast'));
    const contestants: Record<string, Contestant> = {
      'query, as shipped': query(queryGraph),
      'query, eight together': turns(queryGraph, queryTokens, TURNS.query / TOGETHER, TOGETHER),
      'query-fast, as shipped': query(fast),
      'document, as shipped': document(await own(bundle.graphs.document)),
      'document by query-fast’s layers, as shipped': document(fast),
    };
    for (const form of FORMS) {
      for (const layers of DEPTHS) {
        const shape = {
          layers,
          hidden: bundle.dims.hidden,
          heads: headsOf(bundle),
          gives: 'vector',
          form,
        } as const;
        const session = await sessions.write(randomEncoder(shape));
        contestants[`document, ${layers} layers ${form}`] = document(session);
      }
    }
    const found = await contest(contestants, options);
    const deeper = (layers: number, form: Form) =>
      ratio(found[`document, ${layers} layers ${form}`]!, found[`document, 2 layers ${form}`]!);
    return {
      machine,
      conditions: {
        bundle: bundle.model,
        documentTokens,
        queryTokens,
        rounds: options.rounds,
        threads: 1,
        encoders:
          `one text at a time, from token ids. Those of 2, 6 and 12 layers have the bundle's width, ${headsOf(bundle)} heads and ` +
          'random weights, which take as long as trained ones',
        figures: 'processor time of the process, medians over rounds; ratios are taken round by round',
      },
      ratios: rounded({
        queryAloneVsTogether: ratio(found['query, as shipped']!, found['query, eight together']!),
        queryFastVsTeacher: ratio(found['query, as shipped']!, found['query-fast, as shipped']!),
        twoLayerVsFullDepth: deeper(6, 'int8-blocks'),
        twoLayerVsTwelve: deeper(12, 'int8-blocks'),
        twoLayerVsFullDepthFp32: deeper(6, 'float32'),
        twoLayerVsTwelveFp32: deeper(12, 'float32'),
        twoLayerVsFullDepthInt8Dynamic: deeper(6, 'int8-dynamic'),
        twoLayerVsTwelveInt8Dynamic: deeper(12, 'int8-dynamic'),
        queryFastVsDocument: ratio(
          found['document, as shipped']!,
          found['document by query-fast’s layers, as shipped']!,
        ),
      }),
      rows: Object.entries(found).map(([what, times]) => ({ what, ...timesRow(times) })),
    };
  } finally {
    await sessions.close();
  }
}

/** Inferences over `atOnce` texts each. */
function turns(session: Session, tokens: number, count: number, atOnce = 1): Contestant {
  const inputs = randomIds(atOnce, tokens, VOCABULARY);
  const { run, times = 1 } = repeated(count, () => session.run(inputs));
  return { run, times: times / atOnce };
}
