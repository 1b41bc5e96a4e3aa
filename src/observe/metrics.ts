/** Prometheus metrics, at `/_mice/metrics`. */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { StageTimes } from './stages.ts';

export interface Metrics {
  countSearch(outcome: string, reason: string | undefined): void;
  observeStages(times: StageTimes): void;
  countDocuments(outcome: 'enriched' | 'failed', documents: number): void;
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
  const stages = new Histogram({
    name: 'mice_search_stage_seconds',
    help: 'Time of re-ranked searches by stage.',
    labelNames: ['stage'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  });
  const documents = new Counter({
    name: 'mice_documents_total',
    help: 'Documents written through the sidecar by what became of them.',
    labelNames: ['outcome'],
    registers,
  });
  const passed = new Counter({
    name: 'mice_passed_total',
    help: 'Requests passed through untouched, by status class.',
    labelNames: ['status'],
    registers,
  });
  return {
    countSearch: (outcome, reason) => searches.inc({ outcome, reason: reason ?? '' }),
    observeStages(times) {
      for (const [stage, ms] of Object.entries(times)) stages.observe({ stage }, ms / 1000);
    },
    countDocuments: (outcome, count) => documents.inc({ outcome }, count),
    countPassed: (status) => passed.inc({ status: `${Math.floor(status / 100)}xx` }),
    expose: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
