/** What keeps searches from asking more of the model than it can give. */
import { availableParallelism } from 'node:os';
import type { Settings } from '../config/options.ts';
import { type Admission, type AdmissionLimits, openAdmission } from './admission.ts';
import { type Breaker, openBreaker } from './breaker.ts';
import { openPace, type Pace } from './pace.ts';

export interface Load {
  readonly admission: Admission;
  readonly limits: AdmissionLimits;
  /** Of the model. */
  readonly breaker: Breaker;
  /** Of scoring stored states. */
  readonly pace: Pace;
}

/** Measured on one core with the bundle of the package; the running mean soon knows better. */
const FIRST_GUESS_MS = 0.5;

/** @param before whose queue goes on under the new settings */
export function openLoad(settings: Settings, before?: Load): Load {
  const { overloadConcurrency, overloadQueue, breakerFailures, breakerPauseMs, modelThreads } = settings;
  const threads = modelThreads || Math.min(8, availableParallelism());
  return {
    admission: before?.admission ?? openAdmission(),
    limits: { concurrency: overloadConcurrency || 2 * threads, queue: overloadQueue },
    breaker: openBreaker({ failures: breakerFailures, pauseMs: breakerPauseMs }),
    pace: before?.pace ?? openPace(FIRST_GUESS_MS),
  };
}

/** Why a search that comes now would not be scored; undefined when it may be. */
export function refusalUnder({ admission, limits, breaker }: Load): 'overloaded' | 'model-rests' | undefined {
  if (breaker.waitMs > 0) return 'model-rests';
  return admission.isFull(limits) ? 'overloaded' : undefined;
}
