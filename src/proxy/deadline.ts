/** How long a search may take: the smallest of what the caller and the configuration say. Pure. */

/** Nanoseconds to days, as the engines' TimeValue reads them, in milliseconds. */
const units: Readonly<Record<string, number>> = {
  nanos: 1e-6,
  micros: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a time value such as `500ms`; undefined for none, and for `-1`, which is no limit. */
export function timeValueMs(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)(nanos|micros|ms|s|m|h|d)\s*$/i.exec(value) ?? [];
  return amount === undefined ? undefined : Number(amount) * units[unit.toLowerCase()]!;
}

export interface TimeLimits {
  /** The control of the search, or the configured deadline. */
  readonly deadlineMs: number;
  /** `timeout` of the URL or of the body, as the caller wrote it. */
  readonly timeout: unknown;
}

/** Milliseconds from the arrival of a search, at least 1. */
export function deadlineOf({ deadlineMs, timeout }: TimeLimits): number {
  return Math.max(1, Math.min(deadlineMs, timeValueMs(timeout) ?? deadlineMs));
}
