/** Prometheus metrics, at `/_mice/metrics`. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { StageTimes } from './stages.ts';

/** What becomes of documents; `reused` ones had a text whose states were known. */
export type DocumentOutcome = 'enriched' | 'reused' | 'failed' | 'refused' | 'written-back' | 'swept';
/** Measures of a change of order: shares from 0 to 1, Kendall's tau from -1 to 1. */
interface ShadowChanges {
  readonly overlap: number;
  readonly tau: number;
  readonly ndcg?: { readonly before: number; readonly after: number } | undefined;
}

/** The state of the moment. */
export interface Gauges {
  readonly scoring: () => number;
  readonly waiting: () => number;
  readonly modelPending: () => number;
  readonly modelRests: () => boolean;
  readonly nodes: () => readonly { readonly url: string; readonly isHealthy: boolean }[];
}

export interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface Metrics {
  countSearch(outcome: string, reason: string | undefined): void;
  /** Where the candidates of a search came from, where others than its own were wanted. */
  countFirstStage(kind: string, reason: string | undefined): void;
  observeStages(times: StageTimes): void;
  countDocuments(outcome: DocumentOutcome, documents: number): void;
  /** Hits of a window, and how many of them have a score. */
  observeWindow(window: number, scored: number): void;
  /** Hits whose states were to be read while their texts were at hand, and how many of them memory had. */
  countStates(hits: number, inMemory: number): void;
  /** A fault that a client was answered with. */
  countFault(code: string): void;
  /** Asked whenever the metrics are read. */
  watch(gauges: Gauges): void;
  /** Every metric of our own: its name, what it says and its labels. */
  describe(): readonly MetricDescription[];
  /** How re-ranking would have changed the order of a shadow search. */
  observeShadow(changes: ShadowChanges): void;
  countPassed(status: number): void;
  /** The exposition text. */
  expose(): Promise<string>;
  readonly contentType: string;
}

export function openMetrics(): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const searches = new Counter({
    name: 'mice_searches_total',
    help: 'Searches by what became of them.',
    labelNames: ['outcome', 'reason'],
    registers,
  });
  const firstStages = new Counter({
    name: 'mice_first_stage_total',
    help: 'Searches for which another first stage than their own was wanted, by the one they got.',
    labelNames: ['kind', 'reason'],
    registers,
  });
  const stages = new Histogram({
    name: 'mice_search_stage_seconds',
    help: 'Time of re-ranked searches by stage.',
    labelNames: ['stage'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const overlap = new Histogram({
    name: 'mice_shadow_overlap',
    help: 'Shadow searches by the share of the page that re-ranking leaves on it.',
    buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    registers,
  });
  const tau = new Histogram({
    name: 'mice_shadow_kendall_tau',
    help: "Shadow searches by Kendall's tau between both orders.",
    buckets: [-0.5, -0.25, 0, 0.25, 0.5, 0.75, 0.9, 1],
    registers,
  });
  const ndcg = new Histogram({
    name: 'mice_shadow_ndcg10',
    help: 'Shadow searches with judgements by nDCG@10, in the order of the cluster and re-ranked.',
    labelNames: ['order'],
    buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
    registers,
  });
  const documents = new Counter({
    name: 'mice_documents_total',
    help: 'Documents by what became of them: enriched, reused, failed or refused when written, written back after a search, swept.',
    labelNames: ['outcome'],
    registers,
  });
  const passed = new Counter({
    name: 'mice_passed_total',
    help: 'Requests passed through untouched, by status class.',
    labelNames: ['status'],
    registers,
  });
  const hits = new Counter({
    name: 'mice_window_hits_total',
    help: 'Hits in windows that were to be re-ranked, by whether the model scored them.',
    labelNames: ['scored'],
    registers,
  });
  const states = new Counter({
    name: 'mice_states_total',
    help: 'Hits whose states were looked for while their texts were at hand, by whether memory had them.',
    labelNames: ['memory'],
    registers,
  });
  const faults = new Counter({
    name: 'mice_faults_total',
    help: 'Requests that were answered with a fault of docs/errors.md.',
    labelNames: ['code'],
    registers,
  });
  let watched: Gauges | undefined;
  const gauge = (name: string, help: string, read: (gauges: Gauges) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        if (watched) this.set(read(watched));
      },
    });
  gauge('mice_scoring', 'Searches that are being scored.', ({ scoring }) => scoring());
  gauge('mice_waiting', 'Searches that wait to be scored.', ({ waiting }) => waiting());
  gauge('mice_model_pending', 'Calls of the model that wait or run.', ({ modelPending }) => modelPending());
  gauge('mice_model_rests', '1 while the model is left alone after faults.', ({ modelRests }) =>
    Number(modelRests()),
  );
  new Gauge({
    name: 'mice_upstream_up',
    help: '1 for nodes of the cluster that take requests.',
    labelNames: ['node'],
    registers,
    collect() {
      this.reset();
      for (const { url, isHealthy } of watched?.nodes() ?? []) this.set({ node: url }, Number(isHealthy));
    },
  });
  return {
    countSearch: (outcome, reason) => searches.inc({ outcome, reason: reason ?? '' }),
    countFirstStage: (kind, reason) => firstStages.inc({ kind, reason: reason ?? '' }),
    observeStages(times) {
      for (const [stage, ms] of Object.entries(times)) stages.observe({ stage }, ms / 1000);
    },
    observeShadow(changes) {
      overlap.observe(changes.overlap);
      tau.observe(changes.tau);
      if (changes.ndcg === undefined) return;
      ndcg.observe({ order: 'cluster' }, changes.ndcg.before);
      ndcg.observe({ order: 'reranked' }, changes.ndcg.after);
    },
    observeWindow(window, scored) {
      hits.inc({ scored: 'yes' }, scored);
      hits.inc({ scored: 'no' }, window - scored);
    },
    countStates(hits, inMemory) {
      states.inc({ memory: 'yes' }, inMemory);
      states.inc({ memory: 'no' }, hits - inMemory);
    },
    countFault: (code) => faults.inc({ code }),
    watch(gauges) {
      watched = gauges;
    },
    describe: () =>
      (registry.getMetricsAsArray() as unknown as { name: string; help: string; labelNames: string[] }[])
        .filter(({ name }) => name.startsWith('mice_'))
        .map(({ name, help, labelNames }) => ({ name, help, labels: labelNames })),
    countDocuments: (outcome, count) => documents.inc({ outcome }, count),
    countPassed: (status) => passed.inc({ status: `${Math.floor(status / 100)}xx` }),
    expose: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
