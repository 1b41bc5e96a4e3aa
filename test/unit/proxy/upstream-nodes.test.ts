import { mkdtempSync, writeFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import { Agent, createServer as createSecureServer, request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openUpstream } from '../../../src/proxy/upstream.ts';
import { authority, certificateFor } from '../../support/certificate.ts';
import { serveMice } from '../../support/mice-process.ts';
import { raw } from '../../support/proxy.ts';
import {
  afterThis,
  asEngine,
  bodyOf,
  listeningOn,
  proxyOver,
  settingsFor,
  stubEngine,
} from '../../support/stub-engine.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

/** A port of loopback where nobody listens. */
const nobody = 'http://127.0.0.1:9';

async function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

/** A stub that answers "finished" when told to; `arrived` resolves when it is asked. */
async function slowEngine(): Promise<{ engine: string; arrived: Promise<void>; go: () => void }> {
  const go = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const engine = await stubEngine(async (_, response) => {
    arrived.resolve();
    await go.promise;
    response.end('finished');
  });
  return { engine, arrived: arrived.promise, go: go.resolve };
}

/** A stub that can be taken away. */
async function mortal(answer: RequestListener): Promise<{ url: string; server: Server }> {
  const server = createServer(asEngine(answer));
  return { url: `http://${await listeningOn(server)}`, server };
}

describe('several nodes of a cluster', () => {
  it('take requests in turn', async () => {
    const taken: number[] = [];
    const node = (name: number) =>
      stubEngine((_, response) => {
        taken.push(name);
        response.end();
      });
    const { url } = await proxyOver(await node(0), { upstreamNodes: [await node(1)] });
    for (let at = 0; at < 6; at++) await raw(url, '/x');
    expect(taken.toSorted()).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('stand in for one that cannot be reached, whatever the request, and the server starts without it', async () => {
    const bodies: string[] = [];
    const alive = await stubEngine(async (request, response) => {
      bodies.push((await bodyOf(request)).toString());
      response.end();
    });
    const { url, services } = await proxyOver(nobody, { upstreamNodes: [alive] });
    for (const body of ['one', 'two', 'three']) expect((await raw(url, '/x', { body })).status).toBe(200);
    expect(bodies).toEqual(['one', 'two', 'three']);
    expect(services.upstream.nodes.map(({ isHealthy }) => isHealthy)).toEqual([false, true]);
    expect((await raw(url, '/_mice/metrics')).text).toContain(`mice_upstream_up{node="${nobody}"} 0`);
  });

  it('repeat what is safe on another node, and nothing else', async () => {
    let broken = 0;
    const breaks: RequestListener = (request) => {
      broken += 1;
      request.socket.destroy();
    };
    let answered = 0;
    const answers: RequestListener = (_, response) => {
      answered += 1;
      response.end();
    };
    const [a, b] = [await mortal(breaks), await mortal(answers)];
    const { url, services } = await proxyOver(a.url, { upstreamNodes: [b.url] });
    const untilBroken = async (method: 'GET' | 'POST') => {
      const statuses: number[] = [];
      const before = broken;
      while (broken === before) {
        statuses.push((await raw(url, '/x', { method, ...(method === 'POST' && { body: '{}' }) })).status);
      }
      return statuses.at(-1);
    };
    expect(await untilBroken('GET')).toBe(200);
    services.upstream.nodes[0]!.succeeded();
    const before = answered;
    expect(await untilBroken('POST')).toBe(502);
    expect(answered - before).toBeLessThanOrEqual(1);
  });

  it('come back into turn when they answer again', async () => {
    const first = await mortal((_, response) => response.end('first'));
    const second = await stubEngine((_, response) => response.end('second'));
    const { url, services } = await proxyOver(first.url, { upstreamNodes: [second], breakerPauseMs: 20 });
    const { port } = new URL(first.url);
    await closed(first.server);
    for (let at = 0; at < 4; at++) expect((await raw(url, '/x')).text).toBe('second');
    const again = createServer(asEngine((_, response) => response.end('first')));
    await new Promise<void>((resolve) => again.listen(Number(port), '127.0.0.1', resolve));
    afterThis(() => closed(again));
    await expect.poll(() => services.upstream.nodes[0]!.isHealthy, { timeout: 10_000 }).toBe(true);
    const texts = await Promise.all([raw(url, '/x'), raw(url, '/x')]);
    expect(texts.map(({ text }) => text).sort()).toEqual(['first', 'second']);
  });

  it('are asked no more for a while when the only one is gone for some time', async () => {
    const { url: upstream, server } = await mortal((_, response) => response.end());
    const { url, services } = await proxyOver(upstream, { upstreamFailures: 2, breakerPauseMs: 60_000 });
    await closed(server);
    const reasons: string[] = [];
    for (let at = 0; at < 4; at++) {
      const answer = await raw(url, '/x');
      expect(answer.status).toBe(502);
      reasons.push(JSON.parse(answer.text).error.reason);
    }
    expect(reasons[1]).toMatch(/did not answer/);
    expect(reasons[3]).toMatch(/asked again shortly/);
    expect(services.upstream.nodes[0]!.isHealthy).toBe(false);
  });
});

function files(contents: Record<string, string>): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'mice-tls-'));
  return Object.fromEntries(
    Object.entries(contents).map(([name, content]) => {
      const path = join(directory, name);
      writeFileSync(path, content);
      return [name, path];
    }),
  );
}

describe('a body that breaks off on its way', () => {
  const lines = Buffer.concat(
    Array.from({ length: 1200 }, (_, at) => Buffer.from(`{"index":{"_index":"i${at}"}}\n{"n":${at}}\n`)),
  );
  const packed = gzipSync(lines);

  it('is the fault of who sends it: the node stays in turn', async () => {
    let answered = 0;
    const upstream = openUpstream(
      await stubEngine(async (request, response) => {
        await bodyOf(request).catch(() => undefined);
        answered += 1;
        response.end();
      }),
      { failures: 1, pauseMs: 60_000 },
    );
    afterThis(() => upstream.close());
    const fault = new Error('read no further');
    const body = async function* () {
      yield Buffer.from('begun');
      throw fault;
    };
    const request = { method: 'POST', path: '/x', headers: [], signal: new AbortController().signal };
    await expect(upstream.send({ ...request, body: body() })).rejects.toBe(fault);
    expect(upstream.nodes[0]!.isHealthy).toBe(true);
    expect((await upstream.send({ ...request, body: Buffer.from('whole') })).status).toBe(200);
    expect(answered).toBeGreaterThan(0);
  });

  it.each([
    ['at its beginning', Buffer.from('no gzip at all')],
    ['in its middle', Buffer.concat([packed.subarray(0, packed.length - 20), Buffer.alloc(40, 255)])],
  ])('is refused where its compression is broken %s', async (_, body) => {
    const upstream = await stubEngine(async (request, response) => {
      await bodyOf(request).catch(() => undefined);
      response.end('{}');
    });
    const { url, services } = await proxyOver(upstream, { upstreamFailures: 1, breakerPauseMs: 60_000 });
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/x-ndjson' };
    const answer = await raw(url, '/_bulk', { body, headers });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error.type).toBe('mice_bad_message');
    expect(services.upstream.nodes[0]!.isHealthy).toBe(true);
  });
});

describe('TLS', () => {
  const ca = { name: 'test authority', ...authority('test authority') };

  it('to the cluster checks its certificate by the configured authority and shows our own', async () => {
    const server = certificateFor('cluster.test', ca);
    const client = certificateFor('mice', ca);
    let shown = '';
    const engine = createSecureServer(
      {
        cert: server.certificate,
        key: server.key,
        ca: ca.certificate,
        requestCert: true,
        rejectUnauthorized: true,
      },
      asEngine((request, response) => {
        shown = String((request.socket as TLSSocket).getPeerCertificate().subject.CN);
        response.end('secured');
      }),
    );
    const upstreamUrl = `https://${await listeningOn(engine)}`;
    const pem = files({ ca: ca.certificate, cert: client.certificate, key: client.key });
    const { url } = await proxyOver(upstreamUrl, {
      upstreamTlsCa: pem['ca'],
      upstreamTlsCertificate: pem['cert'],
      upstreamTlsKey: pem['key'],
      upstreamTlsName: 'cluster.test',
    });
    expect((await raw(url, '/x')).text).toBe('secured');
    expect(shown).toBe('mice');
    await expect(proxyOver(upstreamUrl)).rejects.toMatchObject({ code: 'upstream-unreachable' });
    await expect(
      proxyOver(upstreamUrl, { upstreamTlsCa: pem['ca'], upstreamTlsName: 'other.test' }),
    ).rejects.toMatchObject({ code: 'upstream-unreachable' });
  });

  it('to clients renews its certificate without breaking a connection', async () => {
    const [before, after] = [certificateFor('before', ca), certificateFor('after', ca)];
    const pem = files({ cert: before.certificate, key: before.key });
    const engine = await stubEngine((_, response) => response.end('plain'));
    const { url } = await proxyOver(engine, { listenTlsCertificate: pem['cert'], listenTlsKey: pem['key'] });
    expect(url).toMatch(/^https:/);
    const kept = new Agent({ keepAlive: true, maxSockets: 1, ca: ca.certificate });
    afterThis(() => kept.destroy());
    const certificateSeen = (agent: Agent | false) =>
      new Promise<string>((resolve, reject) => {
        const asked = httpsRequest(`${url}/x`, { agent, ca: ca.certificate }, (answer) => {
          const { CN } = (answer.socket as TLSSocket).getPeerCertificate().subject;
          answer.resume().once('end', () => resolve(String(CN)));
        });
        asked.once('error', reject).end();
      });
    expect(await certificateSeen(kept)).toBe('before');
    writeFileSync(pem['key']!, after.key);
    writeFileSync(pem['cert']!, after.certificate);
    await expect.poll(() => certificateSeen(false), { timeout: 25_000, interval: 500 }).toBe('after');
    expect(await certificateSeen(kept)).toBe('before');
    expect((await raw(engine, '/x')).text).toBe('plain');
  });

  it.each([
    [
      { listenTlsCertificate: '/no/such.pem', listenTlsKey: '/no/such.pem' },
      /listen\.tls\.certificate.*cannot be read/,
    ],
    [{ listenTlsKey: '/no/such.pem' }, /listen\.tls\.key is set without listen\.tls\.certificate/],
    [{ upstreamTlsCa: '/no/such.pem' }, /upstream\.tls\.ca.*cannot be read/],
    [{ upstreamTlsCertificate: '/x' }, /upstream\.tls\.certificate is set without upstream\.tls\.key/],
  ])('is refused at the start, naming the option: %j', async (given, message) => {
    const engine = await stubEngine((_, response) => response.end());
    await expect(proxyOver(engine, given)).rejects.toMatchObject({
      code: 'bad-option',
      message: expect.stringMatching(message),
    });
  });
});

describe('a Unix socket', () => {
  const ask = (socketPath: string, path: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ socketPath, path, agent: false }, resolve).once('error', reject).end();
    });

  it('takes requests in place of a port, a stale one replaced, and the page still reaches its own proxy', async () => {
    const listenSocket = join(mkdtempSync(join(tmpdir(), 'mice-socket-')), 's');
    const engine = await stubEngine((request, response) => {
      response.setHeader('content-type', 'application/json').end(request.url === '/x' ? '"x"' : '[]');
    });
    const stale = createServer();
    await new Promise<void>((resolve) => stale.listen(listenSocket, resolve));
    await expect(proxyOver(engine, { listenSocket })).rejects.toMatchObject({ code: 'port-taken' });
    await closed(stale);
    const { url } = await proxyOver(engine, { listenSocket });
    expect(url).toBe(`unix:${listenSocket}`);
    expect((await bodyOf(await ask(listenSocket, '/x'))).toString()).toBe('"x"');
    expect((await bodyOf(await ask(listenSocket, '/_mice/indices'))).toString()).toBe('{"indices":[]}');
  });

  it('is not put in the place of a file', async () => {
    const { file } = files({ file: 'kept' });
    const engine = await stubEngine((_, response) => response.end());
    await expect(proxyOver(engine, { listenSocket: file })).rejects.toMatchObject({ code: 'port-taken' });
  });
});

describe('a running server', () => {
  it('takes other settings without dropping a connection, and running requests end under their own', async () => {
    const go = Promise.withResolvers<void>();
    const first = await stubEngine(async (request, response) => {
      if (request.url === '/slow') await go.promise;
      response.end('first');
    });
    const second = await stubEngine((_, response) => response.end('second'));
    const running = await proxyOver(first);
    const { url } = running;
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    afterThis(() => socket.destroy());
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
    });
    socket.write('GET /slow HTTP/1.1\r\nhost: h\r\n\r\n');
    await expect.poll(() => running.services.settings.upstreamUrl).toBe(first);
    await new Promise((wait) => setTimeout(wait, 50));
    const atStart = { listenPort: 1, cacheMb: 3, cachePath: '/elsewhere', cacheDiskMb: 5 };
    const kept = await running.reload(settingsFor(second, { rerankWindow: 7, ...atStart }));
    expect(kept.toSorted()).toEqual(['cache.disk', 'cache.memory', 'cache.path', 'listen.port']);
    expect(running.services.settings).toMatchObject({ rerankWindow: 7, listenPort: 0, cacheMb: 256 });
    expect((await raw(url, '/x')).text).toBe('second');
    go.resolve();
    await expect.poll(() => received).toContain('first');
    socket.write('GET /x HTTP/1.1\r\nhost: h\r\n\r\n');
    await expect.poll(() => received).toContain('second');
  });

  it('keeps its settings when others cannot be put in force', async () => {
    const running = await proxyOver(await stubEngine((_, response) => response.end('kept')));
    await expect(running.reload(settingsFor(nobody))).rejects.toMatchObject({ code: 'upstream-unreachable' });
    expect((await raw(running.url, '/x')).text).toBe('kept');
  });

  it('that ends says it is not ready, takes no connection more, and finishes what runs', async () => {
    const { engine, arrived, go } = await slowEngine();
    const running = await proxyOver(engine, { drainDelayMs: 500, drainLimitMs: 60_000 });
    const { url } = running;
    const slow = raw(url, '/slow');
    await arrived;
    const ended = running.close();
    expect((await raw(url, '/_mice/ready')).status).toBe(503);
    await expect
      .poll(() => raw(url, '/_mice/ready').catch(() => 'refused'), { timeout: 10_000 })
      .toBe('refused');
    go();
    const answer = await slow;
    expect([answer.text, answer.headers['connection']]).toEqual(['finished', 'close']);
    await ended;
  });

  it('in a process of its own finishes what runs at SIGTERM, and exits with 0', async () => {
    const { engine, arrived, go } = await slowEngine();
    const served = await serveMice('serve', ['--upstream-url', engine, '--model-bundle', tinyBundle]);
    afterThis(() => served.kill());
    const slow = raw(served.url, '/slow');
    await arrived;
    served.child.kill('SIGTERM');
    await expect
      .poll(() => raw(served.url, '/_mice/ready').catch(() => 'refused'), { timeout: 10_000 })
      .toBe('refused');
    go();
    expect((await slow).text).toBe('finished');
    expect(await served.ended).toBe(0);
  });

  it('that ends cuts off what runs longer than it may', async () => {
    const arrived = Promise.withResolvers<void>();
    const engine = await stubEngine(() => arrived.resolve());
    const running = await proxyOver(engine, { drainLimitMs: 100 });
    const slow = raw(running.url, '/slow').catch(() => 'cut off');
    await arrived.promise;
    await running.close();
    expect(await slow).toBe('cut off');
  });
});
