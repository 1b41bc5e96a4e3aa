/** Is one mode better than another, or was it the choice of queries? A paired randomisation test. */
import { mean } from './metrics.ts';

/** Sign flips drawn; the smallest p-value that can be reported is 1 / (TRIALS + 1). */
const TRIALS = 10_000;

/** A small generator of 32-bit words (xorshift32, Marsaglia 2003), so that p-values repeat from run to run. */
function randomWords(seed: number): () => number {
  let word = seed;
  return () => {
    word ^= word << 13;
    word ^= word >>> 17;
    word ^= word << 5;
    return word >>> 0;
  };
}

function flippedSum(differences: Float64Array, nextWord: () => number): number {
  let sum = 0;
  let bits = 0;
  for (let at = 0; at < differences.length; at++) {
    if (at % 32 === 0) bits = nextWord();
    sum += (bits >>> (at % 32)) & 1 ? differences[at]! : -differences[at]!;
  }
  return sum;
}

export interface PairedComparison {
  /** Mean of second − first. */
  readonly difference: number;
  /** Two-sided, 0 to 1: how often chance alone gives a mean difference this large. */
  readonly pValue: number;
}

/**
 * Fisher's randomisation test on paired values, such as the nDCG of the same queries under two modes
 * (Smucker, Allan and Carterette 2007): under the null hypothesis either value of a pair could have come from
 * either mode, so every difference may change its sign. 10,000 sign flips from a fixed seed;
 * p = (1 + flips at least as extreme) / (1 + flips).
 *
 * @param first one value per query
 * @param second as many, in the same order
 */
export function comparePaired(first: readonly number[], second: readonly number[]): PairedComparison {
  if (first.length !== second.length)
    throw new RangeError(`${first.length} values cannot be paired with ${second.length}`);
  const differences = Float64Array.from(second, (value, at) => value - first[at]!);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  // Sums in another order differ in their last bits; such a sum is as extreme as the observed one.
  const threshold = observed * (1 - 1e-12);
  const nextWord = randomWords(0x9e3779b9);
  let extreme = 0;
  for (let trial = 0; trial < TRIALS; trial++) {
    if (Math.abs(flippedSum(differences, nextWord)) >= threshold) extreme += 1;
  }
  return { difference: mean([...differences]), pValue: (extreme + 1) / (TRIALS + 1) };
}

/**
 * Holm's step-down correction (1979): with it, the chance that any of the comparisons whose p-value is below α is
 * a mistake is at most α, however many were made. The smallest p-value is multiplied by their number n, the next
 * by n − 1 and so on; none becomes smaller than the one before it, or larger than 1.
 *
 * @returns corrected p-values, in the order given
 */
export function holm(pValues: readonly number[]): readonly number[] {
  const rising = pValues.map((p, at) => ({ p, at })).sort((a, b) => a.p - b.p);
  const corrected = new Array<number>(pValues.length);
  let least = 0;
  rising.forEach(({ p, at }, rank) => {
    least = Math.min(1, Math.max(least, p * (pValues.length - rank)));
    corrected[at] = least;
  });
  return corrected;
}
