/** Structured logs, one JSON object a line on standard error. No entry holds document or query text. */
import { type Logger, pino } from 'pino';
import { MiceError } from '../errors.ts';

export function openLog(level: string): Logger {
  return pino(
    { name: 'mice-bridge', level, base: { pid: process.pid } },
    pino.destination({ dest: 2, sync: false }),
  );
}

/** What a log may say of a fault: messages of others can quote the text they failed on, so only their kind. */
export function loggable(error: unknown): { readonly code: string; readonly fault: string } {
  if (error instanceof MiceError) return { code: error.code, fault: error.message };
  return { code: 'unexpected', fault: error instanceof Error ? error.name : typeof error };
}
