import type { AddressInfo } from 'node:net';

/** Tells the process that started this one where it listens. */
export function printUrl({ port }: AddressInfo): void {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
}
