import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { bodyOf, dial, exchangeBytes, proxyOver, sharedProxy } from '../../support/stub-engine.ts';

const proxy = sharedProxy();

/** One request by Node's own client, body written whole unless it is a stream. */
function ask(url: string, options: RequestOptions, body?: Buffer | string): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  httpRequest(url, { agent: false, ...options }, resolve)
    .once('error', reject)
    .end(body);
  return promise;
}

/** Raw name and value pairs in order. */
function pairs(raw: readonly string[]): string[] {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}`] : []));
}

describe('a request that is not ours', () => {
  it.each(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'PURGE', 'TRACE'])(
    'keeps its method, path, headers and body: %s',
    async (method) => {
      let seen: { method?: string; url?: string; headers: string[]; body: Buffer } | undefined;
      const url = proxy.answering(async (request, response) => {
        const { method, url, rawHeaders } = request;
        seen = { method: method!, url: url!, headers: rawHeaders, body: await bodyOf(request) };
        response.end();
      });
      const path = '/a%2Fb/../x//%F0%9F%90%AD;p=1/_any?q=%00&&q=a+b=#';
      const headers = ['X-Opaque-Id', 'a', 'x-TWICE', '1', 'x-TWICE', '2', 'traceparent', '00-aa-bb-01'];
      const sent = Buffer.from([0, 255, 10, 13, 128]);
      const hasBody = method !== 'TRACE';
      if (hasBody) headers.push('Content-Type', 'application/cbor', 'Content-Length', String(sent.length));
      await ask(url, { method, path, headers: ['Host', 'h', ...headers] }, hasBody ? sent : undefined);
      expect(seen).toMatchObject({ method, url: path });
      for (const pair of pairs(headers)) {
        expect(pairs(seen!.headers).map(lowerLength)).toContain(lowerLength(pair));
      }
      expect(seen!.body).toEqual(hasBody ? sent : Buffer.alloc(0));
    },
  );

  /** The client library writes the length itself. */
  const lowerLength = (pair: string) => pair.replace(/^content-length/i, 'content-length');

  it('keeps bytes above ASCII in fields', async () => {
    let seen: string | string[] | undefined;
    const url = proxy.answering((request, response) => {
      seen = request.headers['x-name'];
      response.writeHead(200, { 'x-name': 'gr\u00fc\u00df' }).end();
    });
    const sent = 'GET /x HTTP/1.1\r\nhost: h\r\nx-name: caf\xe9\r\nconnection: close\r\n\r\n';
    expect(await exchangeBytes(url, sent)).toContain('x-name: gr\u00fc\u00df');
    expect(seen).toBe('caf\xe9');
  });

  it('may come in absolute form, whose host is not followed', async () => {
    const urls: (string | undefined)[] = [];
    const url = proxy.answering((request, response) => {
      urls.push(request.url);
      response.end();
    });
    for (const target of ['http://evil.example/a?b', 'http://evil.example?b', 'HTTP://evil.example/']) {
      await exchangeBytes(url, `DELETE ${target} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n`);
    }
    expect(urls).toEqual(['/a?b', '/?b', '/']);
  });

  it('loses the fields of its connection, those that Connection names too', async () => {
    let seen: string[] = [];
    const url = proxy.answering((request, response) => {
      seen = request.rawHeaders.map((text) => text.toLowerCase());
      response.end();
    });
    await exchangeBytes(
      url,
      'GET /x HTTP/1.1\r\nhost: h\r\nConnection: close, X-Drop\r\nx-drop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n' +
        'Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nx-keep: 1\r\n\r\n',
    );
    expect(seen).toContain('x-keep');
    for (const name of ['x-drop', 'keep-alive: timeout=5', 'te', 'proxy-connection', 'upgrade'])
      expect(seen).not.toContain(name);
  });

  it('streams while it comes, no faster than the cluster reads', async () => {
    const read = new PassThrough();
    const url = proxy.answering((request, response) => {
      request.pipe(read, { end: false });
      request.once('end', () => response.end('done'));
    });
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    const sending = httpRequest(url, { method: 'POST', path: '/big', agent: false }, resolve);
    let sentMb = 0;
    const source = Readable.from(
      (async function* () {
        for (; sentMb < 64; sentMb++) yield Buffer.alloc(1 << 20);
      })(),
    );
    const sent = pipeline(source, sending);
    await once(read, 'readable');
    // Nobody reads any more: what buffers on the way hold is little, and the rest stays with the client.
    let before = -1;
    while (before !== sentMb) {
      before = sentMb;
      await new Promise((wait) => setTimeout(wait, 300));
    }
    expect(sentMb).toBeLessThan(32);
    read.resume();
    await sent;
    expect((await bodyOf(await promise)).toString()).toBe('done');
    expect(sentMb).toBe(64);
  });

  it('is chunked where it came chunked, and whole where it came with a length', async () => {
    const seen: unknown[] = [];
    const url = proxy.answering(async (request, response) => {
      const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
      seen.push([length, coding, (await bodyOf(request)).toString()]);
      response.end();
    });
    const head = 'host: h\r\nconnection: close\r\n';
    await exchangeBytes(
      url,
      `POST /a HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n`,
    );
    await exchangeBytes(url, `POST /a HTTP/1.1\r\n${head}content-length: 3\r\n\r\nabc`);
    await exchangeBytes(url, `POST /a HTTP/1.1\r\n${head}content-length: 0\r\n\r\n`);
    await exchangeBytes(url, `GET /a HTTP/1.1\r\n${head}content-length: 3\r\n\r\nabc`);
    expect(seen).toEqual([
      [undefined, 'chunked', 'abc'],
      ['3', undefined, 'abc'],
      ['0', undefined, ''],
      ['3', undefined, 'abc'],
    ]);
  });

  it('ends at the cluster when the client leaves, in the middle of its body or before the answer', async () => {
    const closed = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const arrived = Promise.withResolvers<void>();
    const url = proxy.answering((request) => {
      request.once('error', () => {});
      request.socket.once('close', () => closed[request.url === '/half' ? 0 : 1]!.resolve());
      if (request.url === '/whole') arrived.resolve();
      else request.once('data', () => half.destroy());
    });
    const half = await dial(url);
    half.write('POST /half HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nabc');
    await closed[0]!.promise;
    const whole = await dial(url);
    whole.write('GET /whole HTTP/1.1\r\nhost: h\r\n\r\n');
    await arrived.promise;
    whole.destroy();
    await closed[1]!.promise;
  });
});

describe('a client that waits for 100-continue', () => {
  it('is asked for its body when the cluster takes it, and the cluster is not asked for a 100', async () => {
    let expectation: string | undefined = 'not asked';
    const url = proxy.answering(async (request, response) => {
      expectation = request.headers.expect;
      response.end(await bodyOf(request));
    });
    const socket = await dial(url);
    let received = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      if (received === '') socket.write('abc');
      received += chunk;
    });
    socket.write(
      'POST /x HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: close\r\n\r\n',
    );
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*abc/);
    expect(expectation).toBeUndefined();
  });

  it('is not asked for it when no node takes the request', async () => {
    const dying = createServer((_, response) => {
      response
        .setHeader('content-type', 'application/json')
        .end('{"version":{"distribution":"opensearch","number":"3.6.0"}}');
    });
    await new Promise<void>((resolve) => dying.listen(0, '127.0.0.1', resolve));
    const { port } = dying.address() as { port: number };
    const { url } = await proxyOver(`http://127.0.0.1:${port}`);
    dying.closeAllConnections();
    await new Promise((resolve) => dying.close(resolve));
    const answer = await exchangeBytes(
      url,
      'POST /x HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n',
      (received) => received.includes('upstream'),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 502/);
  });
});

describe('an answer', () => {
  it('keeps status, reason, header case, order and repetitions, and bytes', async () => {
    const url = proxy.answering((_, response) => {
      const headers = [
        'X-elastic-product',
        'Elasticsearch',
        'Warning',
        '299 a',
        'Warning',
        '299 b',
        'Set-Cookie',
        'x',
      ];
      response.writeHead(418, 'Short And Stout', headers).end(Buffer.from([0, 254]));
    });
    const answer = await ask(url, { path: '/x' });
    expect([answer.statusCode, answer.statusMessage]).toEqual([418, 'Short And Stout']);
    expect(pairs(answer.rawHeaders).slice(0, 4)).toEqual([
      'X-elastic-product: Elasticsearch',
      'Warning: 299 a',
      'Warning: 299 b',
      'Set-Cookie: x',
    ]);
    expect(await bodyOf(answer)).toEqual(Buffer.from([0, 254]));
  });

  it('keeps its compression', async () => {
    const packed = gzipSync('x'.repeat(10_000));
    const url = proxy.answering((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
    });
    const answer = await ask(url, { path: '/x', headers: { 'accept-encoding': 'gzip' } });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(await bodyOf(answer)).length).toBe(10_000);
  });

  it('to HEAD has the length and no body, and the connection goes on', async () => {
    const url = proxy.answering((_, response) => response.writeHead(200, { 'content-length': 9 }).end());
    const received = await exchangeBytes(
      url,
      'HEAD /x HTTP/1.1\r\nhost: h\r\n\r\nHEAD /y HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n',
    );
    expect(received.match(/content-length: 9/g)).toHaveLength(2);
    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  it.each([204, 304])('of status %i has no body', async (status) => {
    const url = proxy.answering((_, response) => response.writeHead(status).end());
    const received = await exchangeBytes(url, 'GET /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(received).not.toMatch(/transfer-encoding/i);
    expect(received.endsWith('\r\n\r\n')).toBe(true);
  });

  it('begins at the client while its body is still to come', async () => {
    const go = Promise.withResolvers<void>();
    const url = proxy.answering(async (_, response) => {
      response.writeHead(200, { 'x-early': '1' }).flushHeaders();
      await go.promise;
      response.end('late');
    });
    const answer = await ask(url, { path: '/x' });
    expect(answer.headers['x-early']).toBe('1');
    go.resolve();
    expect((await bodyOf(answer)).toString()).toBe('late');
  });

  it('comes no faster than the client reads', async () => {
    let writtenMb = 0;
    const url = proxy.answering((_, response) => {
      const source = (async function* () {
        for (; writtenMb < 64; writtenMb++) yield Buffer.alloc(1 << 20);
      })();
      pipeline(Readable.from(source), response).catch(() => {});
    });
    const answer = await ask(url, { path: '/x' });
    answer.pause();
    let before = -1;
    while (before !== writtenMb) {
      before = writtenMb;
      await new Promise((wait) => setTimeout(wait, 300));
    }
    expect(writtenMb).toBeLessThan(32);
    expect((await bodyOf(answer)).length).toBe(64 << 20);
  });

  it('may be announced by informational answers, which an old client is spared', async () => {
    const url = proxy.answering((_, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a>; rel=preload', 'x-more': '1' });
      response.end('answer');
    });
    const received = await exchangeBytes(url, 'GET /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(received).toMatch(
      /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a>; rel=preload\r\nx-more: 1\r\n\r\nHTTP\/1\.1 200 OK/,
    );
    expect(await exchangeBytes(url, 'GET /x HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('keeps its trailers behind chunks', async () => {
    const url = proxy.answering((_, response) => {
      response.write('answer');
      response.addTrailers([
        ['X-Took', '9'],
        ['x-twice', 'a'],
        ['x-twice', 'b'],
      ]);
      response.end();
    });
    const received = await exchangeBytes(url, 'GET /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(received).toMatch(/\r\n0\r\nx-took: 9\r\nx-twice: a\r\nx-twice: b\r\n\r\n$/);
    expect(await exchangeBytes(url, 'GET /x HTTP/1.0\r\n\r\n')).toMatch(/\r\n\r\nanswer$/);
  });

  it('that breaks off at the cluster breaks off at the client', async () => {
    const url = proxy.answering((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('abc', () => response.destroy());
    });
    const answer = await ask(url, { path: '/x' });
    await expect(bodyOf(answer)).rejects.toThrow(/aborted/);
  });

  it('that comes before the body was read is handed on, and the rest of the body is dropped', async () => {
    const url = proxy.answering((_, response) => response.writeHead(413).end('too much'));
    const answer = await ask(url, { method: 'POST', path: '/x' }, Buffer.alloc(8 << 20));
    expect(answer.statusCode).toBe(413);
    expect((await bodyOf(answer)).toString()).toBe('too much');
  });

  it('of a cluster that goes away in the middle of the body is a 502 that the client can read', async () => {
    const url = proxy.answering((request) => request.once('data', () => request.socket.destroy()));
    const answer = await ask(url, { method: 'POST', path: '/x' }, Buffer.alloc(8 << 20));
    expect(answer.statusCode).toBe(502);
    expect((await bodyOf(answer)).toString()).toContain('mice_upstream_unreachable');
  });

  it('follows another on the same connection', async () => {
    const url = proxy.answering((request, response) => response.end(request.url));
    const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: h\r\n${more}\r\n`;
    const received = await exchangeBytes(url, one('/1') + one('/2') + one('/3', 'connection: close\r\n'));
    expect(received.match(/\/[123]/g)).toEqual(expect.arrayContaining(['/1', '/2', '/3']));
    expect(received.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  it('to an old client ends with the connection, not in chunks', async () => {
    const url = proxy.answering((_, response) => {
      response.write('a');
      response.end('b');
    });
    const received = await exchangeBytes(url, 'GET /x HTTP/1.0\r\n\r\n');
    expect(received).toMatch(/\r\n\r\nab$/);
    expect(received).not.toMatch(/chunked/i);
  });
});

describe('requests about the server', () => {
  it('in general are answered here, since no node is meant', async () => {
    const url = proxy.answering((_, response) => response.end());
    const received = await exchangeBytes(url, 'OPTIONS * HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('for a tunnel are refused', async () => {
    const url = proxy.answering((_, response) => response.end());
    const received = await exchangeBytes(url, 'CONNECT evil.example:443 HTTP/1.1\r\nhost: h\r\n\r\n');
    expect(received).toMatch(/^HTTP\/1\.1 405/);
  });
});
