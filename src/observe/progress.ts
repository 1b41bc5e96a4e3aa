/** Progress of long work, on standard error: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

export type ProgressUnit = 'MB' | 'documents' | 'queries' | 'passages';

export interface Progress {
  /** Adds to what is done, in units (bytes where the unit is MB). */
  advance(amount: number): void;
  /** Sets what is done. */
  reach(done: number): void;
  stop(): void;
}

/** Shows `total` units of work under `label`, with the rate and the time left. */
export function startProgress(label: string, total: number, unit: ProgressUnit): Progress {
  const scale = unit === 'MB' ? 1e6 : 1;
  const digits = unit === 'MB' ? 1 : 0;
  const startedMs = performance.now();
  let done = 0;
  const rate = () => (done / scale / Math.max((performance.now() - startedMs) / 1000, 1e-3)).toFixed(1);
  const bar = new SingleBar(
    {
      format: `${label} [{bar}] {shown}/${(total / scale).toFixed(digits)} ${unit} · {rate} ${unit}/s · {eta_formatted} left`,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      hideCursor: true,
      clearOnComplete: false,
      stream: process.stderr,
    },
    Presets.legacy,
  );
  const payload = () => ({ shown: (done / scale).toFixed(digits), rate: rate() });
  bar.start(total, 0, payload());
  const reach = (value: number) => {
    done = Math.min(value, total);
    bar.update(done, payload());
  };
  return {
    advance: (amount) => reach(done + amount),
    reach,
    stop() {
      bar.update(done, payload());
      bar.stop();
    },
  };
}
