/** Structured logs, one JSON object a line on standard error. No entry holds document or query text. */
import { type Logger, pino } from 'pino';

export function openLog(level: string): Logger {
  return pino(
    { name: 'mice-bridge', level, base: { pid: process.pid } },
    pino.destination({ dest: 2, sync: false }),
  );
}
