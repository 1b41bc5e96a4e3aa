/** Several pieces of work that take turns, so that whatever else the machine does falls on all of them alike. */
import { median, rounded } from './report.ts';

export interface Contestant {
  readonly run: () => Promise<unknown> | unknown;
  /** What its time is multiplied by: where a part stands for the whole, or one turn is several. */
  readonly times?: number;
}

/** Milliseconds of one turn. */
export interface Spent {
  readonly wallMs: number;
  /**
   * Processor time of a process, all threads. On an idle machine that of one thread equals the time by the clock; on a
   * busy one it does not hold what others took.
   */
  readonly cpuMs: number;
}

/** One whose turn another process takes, and tells what it spent. */
export interface Remote {
  readonly spend: () => Promise<Spent>;
}

/** {@link Spent} by round. */
export interface Times {
  readonly wallMs: readonly number[];
  readonly cpuMs: readonly number[];
}

export interface ContestOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Told after every round. */
  readonly onRound: () => void;
}

/**
 * Every contestant once to warm up, then `rounds` times, each first equally often.
 * @throws MiceError `aborted` when the signal fires between two turns
 */
export async function contest<Name extends string>(
  contestants: Readonly<Record<Name, Contestant | Remote>>,
  { rounds, signal, onRound }: ContestOptions,
): Promise<Readonly<Record<Name, Times>>> {
  const names = Object.keys(contestants) as Name[];
  const found = Object.fromEntries(
    names.map((name) => [name, { wallMs: [], cpuMs: [] }]),
  ) as unknown as Record<Name, { wallMs: number[]; cpuMs: number[] }>;
  for (let round = -1; round < rounds; round++) {
    for (let at = 0; at < names.length; at++) {
      signal.throwIfAborted();
      const name = names[(Math.max(round, 0) + at) % names.length]!;
      const contestant = contestants[name];
      const { wallMs, cpuMs } = await ('spend' in contestant ? contestant.spend() : takeTurn(contestant));
      if (round < 0) continue;
      found[name].wallMs.push(wallMs);
      found[name].cpuMs.push(cpuMs);
    }
    if (round >= 0) onRound();
  }
  return found;
}

/** `run` so often a turn that one finds the caches as it left them itself, not as the one before did. */
export function repeated(count: number, run: () => Promise<unknown> | unknown): Contestant {
  return {
    times: 1 / count,
    async run() {
      for (let done = 0; done < count; done++) await run();
    },
  };
}

/** One turn in this process. */
export async function takeTurn({ run, times = 1 }: Contestant): Promise<Spent> {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await run();
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  return { wallMs: wallMs * times, cpuMs: ((user + system) / 1000) * times };
}

/** The middle of one's time over another's, round by round: processor time unless given. */
export function ratio(of: Times, over: Times, by: keyof Times = 'cpuMs'): number {
  return median(of[by].map((ms, round) => ms / over[by][round]!));
}

/** Medians, and between what the processor time lay. */
export function timesRow({ wallMs, cpuMs }: Times) {
  return rounded({
    cpuMs: median(cpuMs),
    cpuMsLeast: Math.min(...cpuMs),
    cpuMsMost: Math.max(...cpuMs),
    wallMs: median(wallMs),
  });
}
