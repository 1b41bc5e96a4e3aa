/** The HTTP server: proxy and sidecar in one process. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Settings } from '../config/options.ts';
import { MiceError, messageOf } from '../errors.ts';
import { loggable } from '../observe/log.ts';
import { adminRoutes } from './admin.ts';
import { answerFault, type Exchange, openExchange } from './exchange.ts';
import { intercept } from './intercept.ts';
import { bulk, document, pass } from './routes.ts';
import { search } from './search-routes.ts';
import { openServices, type Services } from './services.ts';

export interface RunningServer {
  /** Base URL, with the port that was taken. */
  readonly url: string;
  readonly services: Services;
  /** Refuses new connections, finishes what runs, closes the model and the connections to the cluster. */
  close(): Promise<void>;
}

/**
 * Opens the model and the cluster and listens.
 * @throws MiceError when the bundle does not check out, the cluster is not supported, or the port is taken
 */
export async function startServer(settings: Settings): Promise<RunningServer> {
  const services = await openServices(settings);
  let url = '';
  const admin = adminRoutes(services, () => url);
  const server = createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (request, response) => {
    void route(request, response, services, admin);
  });
  try {
    url = await listen(server, settings);
  } catch (error) {
    await services.close();
    throw error;
  }
  services.log.info(
    { url, upstream: settings.upstreamUrl, engine: services.engine.name, model: services.model.bundle.model },
    'listening',
  );
  return { url, services, close: () => close(server, services) };
}

type AdminRoutes = (request: IncomingMessage, response: ServerResponse) => void;

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  services: Services,
  admin: AdminRoutes,
): Promise<void> {
  const exchange = openExchange(request, response);
  const found = intercept(request.method ?? 'GET', exchange.target);
  if (found.kind === 'own') {
    request.url = exchange.target;
    return admin(request, response);
  }
  try {
    if (found.kind === 'search') await search(exchange, services, found);
    else if (found.kind === 'bulk' && services.settings.ingestEnabled)
      await bulk(exchange, services, found.index);
    else if (found.kind === 'document' && services.settings.ingestEnabled)
      await document(exchange, services, found.index);
    else await pass(exchange, services);
  } catch (error) {
    fail(exchange, error, services);
  }
}

function fail(exchange: Exchange, error: unknown, { log }: Services): void {
  const fault =
    error instanceof MiceError
      ? error
      : new MiceError('upstream-unreachable', `The exchange broke off: ${messageOf(error)}`, {
          cause: error,
        });
  if (fault.code !== 'aborted' && !exchange.signal.aborted) {
    log.warn({ ...loggable(error), method: exchange.request.method }, 'a request failed');
  }
  answerFault(exchange, fault);
}

function listen(server: Server, { listenHost, listenPort }: Settings): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  server.once('error', (cause: NodeJS.ErrnoException) => {
    const taken = cause.code === 'EADDRINUSE';
    reject(
      new MiceError(
        taken ? 'port-taken' : 'bad-option',
        `Cannot listen on ${listenHost}:${listenPort}: ${cause.message}`,
        {
          hint: 'Set listen.port to another port, or to 0 for a free one.',
          cause,
        },
      ),
    );
  });
  server.listen(listenPort, listenHost, () => {
    const { port } = server.address() as AddressInfo;
    const host = listenHost.includes(':') ? `[${listenHost}]` : listenHost;
    resolve(`http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`);
  });
  return promise;
}

async function close(server: Server, services: Services): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // A connection that answers its last request only now is kept alive by its client, and would hold the server up.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  await promise;
  clearInterval(sweep);
  await services.close();
}
