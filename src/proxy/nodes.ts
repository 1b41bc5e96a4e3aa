/** The nodes of the cluster: whose turn it is, and which are left alone until they answer again. */
import { type Dispatcher, Pool } from 'undici';
import type { TlsIdentity } from '../engine/port.ts';
import { secureOptions } from '../engine/transport.ts';
import { type Breaker, openBreaker } from './breaker.ts';

export interface NodesOptions {
  readonly tls?: TlsIdentity | undefined;
  /** Time to connect. */
  readonly connectMs?: number;
  /** Connection faults in a row after which the only node is left alone; one of several is after the first. */
  readonly failures?: number;
  /** First pause of a node that is left alone. */
  readonly pauseMs?: number;
}

export interface ClusterNode {
  readonly url: string;
  readonly isHealthy: boolean;
  readonly dispatcher: Dispatcher;
  succeeded(): void;
  failed(): void;
}

export interface Nodes {
  readonly all: readonly ClusterNode[];
  /** Every node that may be tried now, the best first; none while all are left alone. */
  inTurn(): Iterable<ClusterNode>;
  /** Waits for what runs. */
  close(): Promise<void>;
}

export function openNodes(urls: readonly string[], options: NodesOptions = {}): Nodes {
  const all = urls.map((url) => new WatchedNode(url, urls.length > 1 ? 1 : (options.failures ?? 5), options));
  let turn = 0;
  return {
    all,
    *inTurn() {
      turn = (turn + 1) % all.length;
      const order = all.length === 1 ? all : [...all.slice(turn), ...all.slice(0, turn)];
      for (const node of order) if (node.isHealthy) yield node;
      for (const node of order) if (!node.isHealthy && node.mayBeTried()) yield node;
    },
    close: async () => void (await Promise.all(all.map((node) => node.close()))),
  };
}

/** A status line within this time is a sign of life. */
const PROBE_MS = 3000;

/** Watched only while it is down: a request now and then finds out when it is back. */
class WatchedNode implements ClusterNode {
  readonly url: string;
  readonly dispatcher: Pool;
  readonly #breaker: Breaker;
  #probe: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: string, failures: number, { tls, connectMs = 3000, pauseMs = 500 }: NodesOptions) {
    this.url = url;
    this.#breaker = openBreaker({ failures, pauseMs });
    this.dispatcher = new Pool(url, {
      // No time limits of our own: a reindex or a snapshot may answer after hours, and the caller's limit holds.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: { timeout: connectMs, ...(tls && secureOptions(tls)) },
    });
  }

  get isHealthy(): boolean {
    return !this.#breaker.isOpen;
  }

  mayBeTried(): boolean {
    return this.#breaker.allows();
  }

  succeeded(): void {
    this.#breaker.succeeded();
  }

  failed(): void {
    this.#breaker.failed();
    this.#watch();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    await this.dispatcher.close();
  }

  #watch(): void {
    if (this.isHealthy || this.#closed) return;
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => void this.#ask(), this.#breaker.waitMs).unref();
  }

  async #ask(): Promise<void> {
    try {
      const answer = await this.dispatcher.request({ method: 'GET', path: '/', headersTimeout: PROBE_MS });
      await answer.body.dump();
      this.succeeded();
    } catch {
      this.failed();
    }
  }
}

/** No stricter than the engines, which take long scroll ids and many warnings. */
export const MAX_HEADER_BYTES = 64 * 1024;
