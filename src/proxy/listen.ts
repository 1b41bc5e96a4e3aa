/** Where requests come in: a TCP port or a Unix socket, plain or with TLS. */
import { lstatSync, rmSync, unwatchFile, watchFile } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import type { Settings } from '../config/options.ts';
import { MiceError } from '../errors.ts';
import { MAX_HEADER_BYTES } from './nodes.ts';
import { listenIdentity, type ServerIdentity } from './tls.ts';

/** How this process asks itself, as any client does. */
export interface Self {
  readonly url: string;
  readonly dispatcher: Dispatcher;
}

export interface Listener {
  readonly server: Server;
  /** Base URL with the port that was taken; `unix:` and the path for a Unix socket. */
  readonly url: string;
  readonly self: Self;
  close(): Promise<void>;
}

const serverOptions = {
  keepAliveTimeout: 65_000,
  // An upload may take longer than any limit of ours.
  requestTimeout: 0,
  maxHeaderSize: MAX_HEADER_BYTES,
  insecureHTTPParser: false,
};

/** A certificate that a renewal has replaced is in use after this time at most. */
const CERTIFICATE_CHECK_MS = 5000;

/**
 * Listens where the settings say.
 * @param onFault told when a changed certificate cannot be used; the one before stays
 * @throws MiceError `port-taken`, or `bad-option` when address or certificate cannot be used
 */
export async function listen(settings: Settings, onFault: (error: unknown) => void): Promise<Listener> {
  const identity = listenIdentity(settings);
  const server = identity ? secureServer(identity) : createServer(serverOptions);
  const url = settings.listenSocket
    ? await onSocket(server, settings.listenSocket)
    : await onPort(server, settings, identity ? 'https' : 'http');
  const unwatch = identity ? watchIdentity(server as SecureServer, settings, onFault) : () => {};
  const dispatcher = new Agent({
    connect: settings.listenSocket
      ? { socketPath: settings.listenSocket, rejectUnauthorized: false }
      : { rejectUnauthorized: false },
  });
  return {
    server,
    url,
    self: {
      url: settings.listenSocket ? `${identity ? 'https' : 'http'}://localhost` : url,
      dispatcher,
    },
    async close() {
      unwatch();
      await dispatcher.close();
    },
  };
}

function secureServer(identity: ServerIdentity): Server {
  try {
    return createSecureServer({ ...serverOptions, ...identity });
  } catch (cause) {
    throw new MiceError('bad-option', 'listen.tls.certificate and listen.tls.key do not go together.', {
      hint: 'Accepted: a certificate chain and its key, both as PEM files.',
      cause,
    });
  }
}

/** Connections that are open keep the certificate that they began with. */
function watchIdentity(
  server: SecureServer,
  settings: Settings,
  onFault: (error: unknown) => void,
): () => void {
  const renew = () => {
    try {
      server.setSecureContext(listenIdentity(settings)!);
    } catch (error) {
      onFault(error);
    }
  };
  const files = [settings.listenTlsCertificate, settings.listenTlsKey];
  for (const file of files) watchFile(file, { persistent: false, interval: CERTIFICATE_CHECK_MS }, renew);
  return () => {
    for (const file of files) unwatchFile(file, renew);
  };
}

async function onPort(
  server: Server,
  { listenHost, listenPort }: Settings,
  scheme: 'http' | 'https',
): Promise<string> {
  await listening(server, `${listenHost}:${listenPort}`, () => server.listen(listenPort, listenHost));
  const { port } = server.address() as AddressInfo;
  const host = listenHost.includes(':') ? `[${listenHost}]` : listenHost;
  return `${scheme}://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
}

async function onSocket(server: Server, path: string): Promise<string> {
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  if (isSocket && !(await answers(path))) rmSync(path, { force: true });
  await listening(server, path, () => server.listen(path));
  return `unix:${path}`;
}

/** Whether a process listens there; a socket that outlived its process does not answer. */
function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket
    .once('connect', () => resolve(true))
    .once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED');
    });
  return promise.finally(() => socket.destroy());
}

function listening(server: Server, where: string, start: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'EADDRINUSE' ? 'port-taken' : 'bad-option';
    const hint = 'Set listen.port to another port, or to 0 for a free one.';
    reject(new MiceError(code, `Cannot listen on ${where}: ${cause.message}`, { hint, cause }));
  });
  server.once('listening', resolve);
  start();
  return promise;
}
