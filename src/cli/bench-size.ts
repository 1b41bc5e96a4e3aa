/** `mice bench size`: how the time of a search grows with the documents of its index. */
import type { Command } from 'commander';
import { benchIndexSize, roundsOf } from '../bench/index-size.ts';
import { documentationBench } from './bench-report.ts';

export function sizeBench(): Command {
  return documentationBench(
    'size',
    'Measures how the time of a search grows with the documents of its index, re-ranked and not, on a real engine.',
    { meaning: 'rounds of all questions at each size, after one that does not count', usual: 5 },
    { roundsOf, bench: benchIndexSize },
  );
}
