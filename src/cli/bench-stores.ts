/** `mice bench stores`: what each place for states costs on an embedded engine. */
import type { Command } from 'commander';
import { benchStores, roundsOf } from '../bench/stores.ts';
import { documentationBench } from './bench-report.ts';

export function storesBench(): Command {
  return documentationBench(
    'stores',
    'Measures what states cost in the documents, in a companion and in the cache, on a real engine.',
    { meaning: 'rounds of searches, after a first one with nothing in memory', usual: 5 },
    { roundsOf, bench: benchStores },
  );
}
