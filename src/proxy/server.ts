/** The HTTP server: proxy and sidecar in one process. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import type { Settings } from '../config/options.ts';
import { MiceError, messageOf } from '../errors.ts';
import { loggable } from '../observe/log.ts';
import { inRequestSpan } from '../observe/trace.ts';
import { adminRoutes } from './admin.ts';
import { answerFault, type Exchange, openExchange } from './exchange.ts';
import { intercept } from './intercept.ts';
import { type Listener, listen } from './listen.ts';
import { refusalOf } from './refuse.ts';
import { pass } from './routes.ts';
import { search } from './search-routes.ts';
import { openServices, reloaded, reopenServices, retire, type Services } from './services.ts';
import { turnOfLoop } from './turns.ts';
import { bulk, document, reindex, update } from './writes.ts';
export interface RunningServer {
  /** Base URL, with the port that was taken. */
  readonly url: string;
  /** Those in force now. */
  readonly services: Services;
  /**
   * Puts other settings in force, without touching a connection; running requests end under those they began with.
   * @returns names of options that keep their value until the next start
   * @throws MiceError when the settings cannot be put in force; those before then stay
   */
  reload(settings: Settings): Promise<readonly string[]>;
  /** Refuses new connections, finishes what runs, closes the model and the connections to the cluster. */
  close(): Promise<void>;
}

/**
 * Opens the model and the cluster and listens.
 * @throws MiceError when the bundle does not check out, the cluster is not supported, or the port is taken
 */
export async function startServer(settings: Settings): Promise<RunningServer> {
  const services = await openServices(settings);
  let listener: Listener;
  try {
    listener = await listen(settings, (error) =>
      services.log.error(loggable(error), 'a changed certificate cannot be used; the one before stays'),
    );
  } catch (error) {
    await services.close();
    throw error;
  }
  const server = new Front(services, listener);
  services.log.info(
    {
      url: listener.url,
      upstream: settings.upstreamUrl,
      engine: services.engine.name,
      model: services.model.bundle.model,
    },
    'listening',
  );
  return server;
}

/** Services and the requests that work with them. */
interface Generation {
  readonly services: Services;
  running: number;
  /** Called when the last request of a generation that is no longer current has ended. */
  ended?: () => void;
}

class Front implements RunningServer {
  readonly #listener: Listener;
  readonly #admin: (request: IncomingMessage, response: ServerResponse) => void;
  #current: Generation;
  #retiring: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #isDraining = false;
  /** Answers that have not ended. */
  readonly #open = new Set<ServerResponse>();

  constructor(services: Services, listener: Listener) {
    this.#current = { services, running: 0 };
    this.#listener = listener;
    services.metrics.watch({
      scoring: () => this.services.load.admission.running,
      waiting: () => this.services.load.admission.waiting,
      modelPending: () => this.services.model.pending,
      modelRests: () => this.services.load.breaker.isOpen,
      nodes: () => this.services.upstream.nodes,
    });
    this.#admin = adminRoutes(
      () => this.services,
      () => ({ self: listener.self, isDraining: this.#isDraining }),
    );
    listener.server
      .on('request', (request, response) => void this.#take(request, response, false))
      .on('checkContinue', (request, response) => void this.#take(request, response, true))
      .on('connect', (_request: IncomingMessage, socket: Duplex) => refuseTunnel(socket));
  }

  get url(): string {
    return this.#listener.url;
  }

  get services(): Services {
    return this.#current.services;
  }

  async reload(settings: Settings): Promise<readonly string[]> {
    const { settings: inForce, kept } = reloaded(this.services.settings, settings);
    const before = this.#current;
    const services = await reopenServices(before.services, inForce);
    this.#current = { services, running: 0 };
    this.#retiring = Promise.all([this.#retiring, retire(before.services, services, endOf(before))]);
    if (kept.length > 0)
      services.log.warn({ kept }, `changed, and in force after a restart only: ${kept.join(', ')}`);
    services.log.info('settings reloaded');
    return kept;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { drainDelayMs, drainLimitMs } = this.services.settings;
    this.#isDraining = true;
    // A client that is told so opens its next connection elsewhere.
    for (const response of this.#open) response.shouldKeepAlive = false;
    if (drainDelayMs > 0) await after(drainDelayMs);
    const { server } = this.#listener;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    // A connection that answers its last request only now is kept alive by its client, and would hold the server up.
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    const limit = setTimeout(() => server.closeAllConnections(), drainLimitMs);
    await promise;
    clearInterval(sweep);
    clearTimeout(limit);
    await this.#listener.close();
    await this.#retiring;
    await this.services.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): Promise<void> {
    const generation = this.#current;
    generation.running += 1;
    if (this.#isDraining) response.shouldKeepAlive = false;
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
    const exchange = openExchange(request, response, awaitsContinue);
    try {
      await this.#route(exchange, generation.services);
    } catch (error) {
      fail(exchange, error, generation.services);
    } finally {
      generation.running -= 1;
      if (generation.running === 0) generation.ended?.();
    }
  }

  async #route(exchange: Exchange, services: Services): Promise<void> {
    const { request, response, target } = exchange;
    const refusal = refusalOf(request);
    if (refusal) {
      response.shouldKeepAlive = false;
      throw refusal;
    }
    if (target === '*') return answerForAll(exchange);
    const found = intercept(request.method ?? 'GET', target);
    if (found.kind === 'pass') return pass(exchange, services);
    exchange.askForBody();
    if (found.kind === 'own') {
      request.url = target;
      return this.#admin(request, response);
    }
    if (found.kind === 'search') {
      const attributes = { 'http.request.method': request.method ?? 'GET', 'mice.form': found.form };
      // Searches that come at the same moment begin one a turn, so that they keep the loop no longer than one does.
      await turnOfLoop();
      return inRequestSpan('mice.search', request.headers, attributes, () =>
        search(exchange, services, found),
      );
    }
    if (!services.settings.ingestEnabled) return pass(exchange, services);
    if (found.kind === 'bulk') return bulk(exchange, services, found.index);
    if (found.kind === 'document') return document(exchange, services, found.index);
    if (found.kind === 'update') return update(exchange, services, found.index, found.id);
    return reindex(exchange, services);
  }
}

function endOf(generation: Generation): Promise<void> {
  if (generation.running === 0) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  generation.ended = resolve;
  return promise;
}

function fail(exchange: Exchange, error: unknown, { log, metrics }: Services): void {
  const fault =
    error instanceof MiceError
      ? error
      : new MiceError('upstream-unreachable', `The exchange broke off: ${messageOf(error)}`, {
          cause: error,
        });
  if (fault.code !== 'aborted' && !exchange.response.destroyed) {
    metrics.countFault(fault.code);
    log.warn({ ...loggable(error), method: exchange.request.method }, 'a request failed');
  }
  answerFault(exchange, fault);
}

/** `OPTIONS *` asks about the server itself, whichever that is (RFC 9110 §9.3.7). */
function answerForAll({ response }: Exchange): void {
  response.writeHead(200, { 'content-length': 0 }).end();
}

/** A tunnel would lead past everything that is promised here. */
function refuseTunnel(socket: Duplex): void {
  socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
}
