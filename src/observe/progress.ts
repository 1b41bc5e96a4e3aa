/** Progress of long work, on standard error: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress';

export type ProgressUnit = 'MB' | 'documents' | 'queries' | 'passages' | 'rounds';

export interface Progress {
  /** Adds to what is done, in units (bytes where the unit is MB). */
  advance(amount: number): void;
  /** Sets what is done. */
  reach(done: number): void;
  stop(): void;
}

/** Shows `total` units of work under `label`, with the rate and the time left. */
export function startProgress(
  label: string,
  total: number,
  unit: ProgressUnit,
  stream: NodeJS.WriteStream = process.stderr,
): Progress {
  const pace = startPace(total, unit);
  const view = stream.isTTY ? bar(label, total, stream) : lines(label, stream);
  const reach = (value: number) => {
    pace.reach(Math.min(value, total));
    view.show(pace);
  };
  return {
    advance: (amount) => reach(pace.done() + amount),
    reach,
    stop: () => view.end(pace),
  };
}

interface Pace {
  reach(done: number): void;
  done(): number;
  /** `3.4/161.6 MB · 1.2 MB/s · 2 min left` */
  underWay(): string;
  /** `161.6 MB in 12 s` */
  atEnd(): string;
}

/** Counts from the first unit done, so that a slow start does not spoil the rate. */
function startPace(total: number, unit: ProgressUnit): Pace {
  const shown = (amount: number) => (unit === 'MB' ? (amount / 1e6).toFixed(1) : amount.toFixed(0));
  const startedMs = performance.now();
  let first = { atMs: startedMs, done: 0 };
  let done = 0;
  const perSecond = () => (done - first.done) / Math.max((performance.now() - first.atMs) / 1000, 1e-3);
  return {
    reach(value) {
      if (done === 0) first = { atMs: performance.now(), done: value };
      done = value;
    },
    done: () => done,
    underWay() {
      const rate = perSecond();
      // Slow work, such as a cross-encoder on a CPU, would be shown as 0 a second.
      const pace = rate < 10 && unit !== 'MB' ? rate.toFixed(1) : shown(rate);
      const left = rate > 0 ? ` · ${pace} ${unit}/s · ${spoken((total - done) / rate)} left` : '';
      return `${shown(done)}/${shown(total)} ${unit}${left}`;
    },
    atEnd: () => `${shown(done)} ${unit} in ${spoken((performance.now() - startedMs) / 1000)}`,
  };
}

/** Seconds in words of two digits or so: `8 s`, `4 min`, `2 h 5 min`. */
function spoken(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

interface View {
  show(pace: Pace): void;
  end(pace: Pace): void;
}

function bar(label: string, total: number, stream: NodeJS.WriteStream): View {
  const format = `${label} [{bar}] {pace}`;
  const shown = new SingleBar({ format, hideCursor: true, stream }, Presets.legacy);
  shown.start(total, 0, { pace: '' });
  return {
    show: (pace) => shown.update(pace.done(), { pace: pace.underWay() }),
    end(pace) {
      shown.update(pace.done(), { pace: pace.atEnd() });
      shown.stop();
    },
  };
}

const betweenLinesMs = 5000;

function lines(label: string, stream: NodeJS.WriteStream): View {
  let lastMs = performance.now();
  return {
    show(pace) {
      if (performance.now() - lastMs < betweenLinesMs) return;
      lastMs = performance.now();
      stream.write(`${label} ${pace.underWay()}\n`);
    },
    end: (pace) => void stream.write(`${label} ${pace.atEnd()}\n`),
  };
}
