/** `mice bench steps`: whether to ask for states with a search, or for those that memory lacks after it. */
import type { Command } from 'commander';
import { benchSteps, FILLING_ROUNDS } from '../bench/steps.ts';
import { documentationBench } from './bench-report.ts';

export function stepsBench(): Command {
  return documentationBench(
    'steps',
    'Measures asking for states with a search against asking, after it, for those that memory lacks, on a real engine.',
    { meaning: 'rounds, each of which asks every question in every way', usual: 9 },
    { roundsOf: ({ rounds }) => rounds + FILLING_ROUNDS, bench: benchSteps },
  );
}
