/**
 * What states cost a search that asks for them at once, and one that asks for those which memory lacks: the time from
 * the search to checked states, on a real engine; in turn, in one run.
 */

import { documentationCorpus } from '../demo/corpus.ts';
import { questions } from '../demo/questions.ts';
import { MiceError } from '../errors.ts';
import { percentile } from '../evaluate/percentiles.ts';
import { setupIndex } from '../ingest/setup.ts';
import { fetchStates } from '../proxy/fetch-states.ts';
import { findHits } from '../proxy/hits.ts';
import { loadStates, locateStates } from '../proxy/load-states.ts';
import { planSearch, type RerankPlan, statesFieldOf } from '../proxy/plan.ts';
import { openSeenStates, type SeenStates } from '../proxy/seen-states.ts';
import type { Services } from '../proxy/services.ts';
import { readAnswer } from '../proxy/upstream.ts';
import { sendBulk } from './bulk-load.ts';
import { type DocumentationBench, withProxy } from './documentation.ts';
import { machineFacts } from './machine.ts';
import { type BenchReport, median, rounded } from './report.ts';

const INDEX = 'bench-steps';
const BATCH = 50;
const WINDOW = 100;
/** The first ones, which fill memory and count for nothing: states are kept from the second time on. */
export const FILLING_ROUNDS = 2;
/** Shares of a window's states that memory has. */
const SHARES = [1, 0.9, 0.75, 0.5, 0.25, 0] as const;

/** In how many steps, and how many of the states memory has. */
type Way = 'one step' | `two steps, ${(typeof SHARES)[number]} in memory`;

const ways: readonly Way[] = ['one step', ...SHARES.map((share) => `two steps, ${share} in memory` as const)];

/** Milliseconds by way, one a question. */
type Round = Readonly<Record<Way, readonly number[]>>;

/** @throws MiceError when the engine or the proxy does not start, `aborted` */
export async function benchSteps(options: DocumentationBench): Promise<BenchReport> {
  const machine = machineFacts();
  return withProxy(options.engine, {}, async ({ services, url }) => {
    await fill(services, url, options);
    return reportOf(await measure(services, options), machine, services, options);
  });
}

async function fill({ engine, model }: Services, url: string, options: DocumentationBench): Promise<void> {
  await setupIndex(engine, INDEX, { object: 'mice', vectorDims: model.bundle.dims.vector });
  const passages = documentationCorpus(options.root).slice(0, options.documents);
  for (let at = 0; at < passages.length; at += BATCH) {
    options.signal.throwIfAborted();
    const lines = passages
      .slice(at, at + BATCH)
      .map(
        ({ id, title, text }) =>
          `${JSON.stringify({ index: { _id: id } })}\n${JSON.stringify({ title, text })}\n`,
      );
    await sendBulk(`${url}/${INDEX}/_bulk`, [lines.join('')], 1);
  }
  await engine.refresh(INDEX);
}

async function measure(
  services: Services,
  { questions: asked, rounds, signal, onRound }: DocumentationBench,
): Promise<readonly Round[]> {
  const plans = questions.slice(0, asked).map(({ query }) => planFor(query, services));
  const seen = openSeenStates(services.cache);
  const measured: Round[] = [];
  for (let round = -FILLING_ROUNDS; round < rounds; round++) {
    const times = Object.fromEntries(ways.map((way) => [way, []])) as unknown as Record<Way, number[]>;
    for (const [question, plan] of plans.entries()) {
      for (let turn = 0; turn < ways.length; turn++) {
        signal.throwIfAborted();
        // Every way comes first equally often.
        const way = ways[(turn + question + round + FILLING_ROUNDS) % ways.length]!;
        times[way].push(await load(way, plan, services, seen));
      }
    }
    if (round >= 0) measured.push(times);
    onRound();
  }
  return measured;
}

function planFor(question: string, { settings }: Services): RerankPlan {
  const body = Buffer.from(
    JSON.stringify({ query: { multi_match: { query: question, fields: ['title', 'text'] } } }),
  );
  const plan = planSearch(
    { path: `/${INDEX}/_search`, body, controls: { window: WINDOW }, index: INDEX },
    settings,
  );
  if (plan.kind === 'skip')
    throw new MiceError('proxy-refused', `A search is not re-ranked: ${plan.reason}.`);
  return plan;
}

/** ms until the states of the window are there, all of them fresh. */
async function load(way: Way, plan: RerankPlan, services: Services, seen: SeenStates): Promise<number> {
  const { engine, placing, model, settings, selectionOf } = services;
  const share = SHARES.find((one) => way === `two steps, ${one} in memory`);
  const statesField = statesFieldOf(settings);
  const { signal } = new AbortController();
  const memory =
    share === undefined
      ? undefined
      : {
          seen: partOf(seen, share),
          ask: (hits: Parameters<typeof fetchStates>[1]) =>
            fetchStates((body) => ask(services, plan.statesPath, body), hits, statesField),
        };
  const onFault = (error: unknown) => {
    throw error;
  };
  const locate = locateStates({ engine, object: settings.fieldsObject, placing, memory, onFault });
  const startedMs = performance.now();
  const answer = await ask(services, share === undefined ? plan.widenedPath : plan.windowPath, plan.body);
  const { hits } = findHits(answer, statesField, plan.difference);
  const reading = { bundleId: model.bundle.id, splitting: model.splitting };
  const { found, giveBack } = await loadStates(
    { answer, hits, sourceIsWhole: true },
    reading,
    { selectionOf, locate },
    signal,
  );
  const tookMs = performance.now() - startedMs;
  for (const [at, one] of found.entries()) {
    if (one.kind !== 'fresh') throw new MiceError('proxy-refused', `States were ${one.kind}.`);
    seen.saw(hits[at]!.index, one.header.hash, one.bytes);
  }
  giveBack();
  return tookMs;
}

/** A memory that has `share` of what it is asked for, spread evenly. */
function partOf(seen: SeenStates, share: number): SeenStates {
  let asked = 0;
  return {
    ...seen,
    get(index, hash) {
      asked += 1;
      return Math.floor(asked * share) > Math.floor((asked - 1) * share) ? seen.get(index, hash) : undefined;
    },
  };
}

async function ask({ upstream }: Services, path: string, body: Buffer): Promise<Buffer> {
  const { signal } = new AbortController();
  const headers = ['content-type', 'application/json'];
  const { status, body: sent } = await upstream.send({ method: 'POST', path, headers, body, signal });
  const answer = await readAnswer(sent, Number.POSITIVE_INFINITY);
  if (status !== 200 || !answer) throw new MiceError('upstream-refused', `${path} answered ${status}.`);
  return answer;
}

function reportOf(
  rounds: readonly Round[],
  machine: BenchReport['machine'],
  { engine, model }: Services,
  { documents, questions: asked }: DocumentationBench,
): BenchReport {
  const overOne = (way: Way) =>
    median(
      rounds.map((round) => median(round[way].map((ms, question) => ms / round['one step'][question]!))),
    );
  const ratios = Object.fromEntries(
    SHARES.map((share) => [`${share} in memory`, overOne(`two steps, ${share} in memory`)]),
  );
  return {
    machine,
    conditions: {
      ...{
        engine: `${engine.name} ${engine.version}`,
        bundle: model.bundle.model,
        documents,
        window: WINDOW,
      },
      ...{ questions: Math.min(asked, questions.length), rounds: rounds.length },
      figures:
        'time of two steps over that of one: for each question, and of these the median of a round, then of rounds',
    },
    ratios: rounded(ratios),
    rows: ways.map((way) => {
      const times = rounds.flatMap((round) => round[way]);
      return { way, ...rounded({ p50Ms: percentile(times, 50), p95Ms: percentile(times, 95) }) };
    }),
  };
}
