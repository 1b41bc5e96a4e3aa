/** Ports for an engine: one asked for must be free, others are chosen by the system. */
import { createServer } from 'node:net';
import { MiceError } from '../../errors.ts';

const loopback = '127.0.0.1';

/**
 * Ports that are free now, all different. The first is `wanted` unless that is 0. Another process can take one
 * before the engine does; the engine then says so itself. Throws `port-taken`, `bad-option`.
 */
export async function freePorts(wanted: number, count: number): Promise<readonly number[]> {
  if (!Number.isInteger(wanted) || wanted < 0 || wanted > 65_535) {
    throw new MiceError('bad-option', `${wanted} is not a port.`, {
      hint: '0 to 65535 is accepted; 0 takes any free one.',
    });
  }
  const held = [];
  try {
    for (let at = 0; at < count; at++) held.push(await hold(at === 0 ? wanted : 0));
    return held.map((port) => port.number);
  } finally {
    await Promise.all(held.map((port) => port.release()));
  }
}

interface HeldPort {
  readonly number: number;
  release(): Promise<void>;
}

function hold(wanted: number): Promise<HeldPort> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (fault: NodeJS.ErrnoException) => reject(refusal(wanted, fault)));
    server.listen({ port: wanted, host: loopback, exclusive: true }, () => {
      const address = server.address();
      const number = typeof address === 'object' && address !== null ? address.port : wanted;
      resolve({ number, release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}

function refusal(port: number, fault: NodeJS.ErrnoException): MiceError {
  const reason = fault.code === 'EADDRINUSE' ? 'in use by another process' : fault.message;
  return new MiceError('port-taken', `Port ${port} on ${loopback} cannot be used: ${reason}.`, {
    hint: 'Choose another port, or 0 for any free one.',
    cause: fault,
  });
}
