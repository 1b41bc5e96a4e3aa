/** A server that says it is OpenSearch and answers the rest as a test wants, and real proxies in front of it. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Settings } from '../../src/config/options.ts';
import { loadSettings, type SettingsSources } from '../../src/config/settings.ts';
import { type RunningServer, startServer } from '../../src/proxy/server.ts';
import { tinyBundle } from './tiny-bundle.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Runs after the test, last registered first. */
export function afterThis(close: () => unknown): void {
  closing.push(close);
}

/** Listens on a free port of loopback until the test ends. */
export async function listeningOn(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterThis(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export const rootAnswer = JSON.stringify({
  name: 'stub',
  version: { distribution: 'opensearch', number: '3.6.0' },
});

/** What the services ask when they start, and what an engine without companions and pipelines answers. */
const startAnswers: Readonly<Record<string, string>> = {
  '/': rootAnswer,
  '/mice-states-*/_mapping': '{}',
  '/_all/_settings/index.default_pipeline,index.final_pipeline': '{}',
};

/** Answers what the services ask when they start; the rest is left to `answer`. */
export function asEngine(answer: RequestListener): RequestListener {
  return (request, response) => {
    const { method, url = '' } = request;
    const known = method === 'GET' ? startAnswers[url.split('?')[0]!] : undefined;
    if (known === undefined) answer(request, response);
    else response.setHeader('content-type', 'application/json').end(known);
  };
}

/** A stub of an engine; its URL. */
export async function stubEngine(answer: RequestListener): Promise<string> {
  return `http://${await listeningOn(createServer({ maxHeaderSize: 128 * 1024 }, asEngine(answer)))}`;
}

/** A proxy with a tiny model in front of `upstreamUrl`. */
export async function proxyOver(
  upstreamUrl: string,
  given: NonNullable<SettingsSources['given']> = {},
): Promise<RunningServer> {
  const running = await startServer(settingsFor(upstreamUrl, given));
  afterThis(() => running.close());
  return running;
}

export function settingsFor(
  upstreamUrl: string,
  given: NonNullable<SettingsSources['given']> = {},
): Settings {
  const usual = {
    listenPort: 0,
    logLevel: 'silent',
    modelBundle: tinyBundle,
    modelThreads: 1,
    drainLimitMs: 200,
  };
  return loadSettings({ given: { upstreamUrl, ...usual, ...given } });
}

export interface SharedProxy {
  /** The proxy's URL, once the stub behind it answers by `answer`. */
  answering(answer: RequestListener): string;
  /** The stub's own URL. */
  readonly engineUrl: string;
  readonly running: RunningServer;
}

/** One proxy for all the tests of a suite: a start takes longer than most of them. */
export function sharedProxy(given: NonNullable<SettingsSources['given']> = {}): SharedProxy {
  let answer: RequestListener = (_, response) => response.end();
  let engineUrl = '';
  let running: RunningServer | undefined;
  const server = createServer(
    { maxHeaderSize: 128 * 1024 },
    asEngine((request, response) => answer(request, response)),
  );
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    engineUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    running = await startServer(settingsFor(engineUrl, given));
  }, 120_000);
  afterAll(async () => {
    await running?.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    answering(next) {
      answer = next;
      return running!.url;
    },
    get engineUrl() {
      return engineUrl;
    },
    get running() {
      return running!;
    },
  };
}

/** Everything that a request brings. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A socket to `url` on which bytes are written by hand. */
export async function dial(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  afterThis(() => socket.destroy());
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** Sends bytes by hand and gives all that comes back until the other side closes or `enough` holds. */
export async function exchangeBytes(
  url: string,
  bytes: string | Buffer,
  enough: (received: string) => boolean = () => false,
): Promise<string> {
  const socket = await dial(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
    if (enough(received)) socket.destroy();
  });
  const patience = setTimeout(() => socket.destroy(), 10_000);
  socket.once('error', () => {}).once('close', () => resolve(received));
  socket.write(bytes, 'latin1');
  return promise.finally(() => clearTimeout(patience));
}
