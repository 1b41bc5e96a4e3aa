import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';
import { openExchange, sendOn } from '../../../src/proxy/exchange.ts';
import { startServer } from '../../../src/proxy/server.ts';
import { openUpstream, readAnswer } from '../../../src/proxy/upstream.ts';
import { raw } from '../../support/proxy.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server on a free port of loopback. */
async function listening(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () => server.close(),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that sends every request on to `url`, as the proxy does. */
function inFrontOf(url: string): Promise<string> {
  const upstream = openUpstream(url);
  closing.push(() => upstream.close());
  return listening(async (request, response) => {
    try {
      const answer = await sendOn(openExchange(request, response), upstream);
      response.writeHead(answer.status);
      answer.body.pipe(response);
    } catch (error) {
      response.writeHead(599).end(String((error as { code?: string }).code));
    }
  });
}

describe('a request that is sent on', () => {
  it('loses hop-by-hop headers, those that Connection nominates, and our controls; the rest stays as written', async () => {
    let seen: string[] = [];
    const front = await inFrontOf(
      await listening((request, response) => {
        seen = request.rawHeaders;
        response.end();
      }),
    );
    const headers = {
      'X-Mice': 'off',
      'x-mice-window': '3',
      'X-Opaque-Id': 'a',
      Connection: 'close, X-Drop',
      'X-Drop': '1',
    };
    await new Promise((resolve) => request(front, { headers }, resolve).end());
    expect(seen).toContain('X-Opaque-Id');
    expect(seen.join(' ')).not.toMatch(/x-mice|x-drop/i);
  });

  it('goes to the configured cluster, whatever host the request names', async () => {
    const urls: (string | undefined)[] = [];
    const front = await inFrontOf(
      await listening((request, response) => {
        urls.push(request.url, request.headers.host);
        response.end();
      }),
    );
    await raw(front, '/a?b=c', { headers: { host: 'evil.example' } });
    expect(urls[0]).toBe('/a?b=c');
    expect(urls[1]).not.toContain('evil');
  });

  it('ends at the cluster when the caller leaves', async () => {
    const left = Promise.withResolvers<void>();
    const front = await inFrontOf(
      await listening((request) => {
        request.socket.once('close', () => left.resolve());
        caller.abort();
      }),
    );
    const caller = new AbortController();
    await fetch(front, { signal: caller.signal }).catch(() => {});
    await left.promise;
  });

  it('is an error that names the fault when nothing listens', async () => {
    const front = await inFrontOf('http://127.0.0.1:9');
    expect(await raw(front, '/')).toMatchObject({ status: 599, text: 'upstream-unreachable' });
  });
});

describe('an answer that is read', () => {
  it('is given up when it is over the limit', async () => {
    const upstream = openUpstream(await listening((_, response) => response.end('x'.repeat(100_000))));
    closing.push(() => upstream.close());
    const { signal } = new AbortController();
    const send = async () =>
      (await upstream.send({ method: 'GET', path: '/', headers: [], body: null, signal })).body;
    expect(await readAnswer(await send(), 100_000)).toHaveLength(100_000);
    expect(await readAnswer(await send(), 99_999)).toBeUndefined();
  });
});

describe('a server', () => {
  it.each([['no cluster at all', 'http://127.0.0.1:9', 'upstream-unreachable', /Start the cluster/]])(
    'does not start in front of %s, and says what to do',
    async (_, upstreamUrl, code, hint) => {
      const settings = loadSettings({ given: { upstreamUrl, listenPort: 0, logLevel: 'silent' } });
      await expect(startServer(settings)).rejects.toMatchObject({ code, hint: expect.stringMatching(hint) });
    },
  );

  it('does not start in front of something that is no engine', async () => {
    const upstreamUrl = await listening((_, response) => response.writeHead(200).end('<html>'));
    const settings = loadSettings({ given: { upstreamUrl, listenPort: 0, logLevel: 'silent' } });
    await expect(startServer(settings)).rejects.toMatchObject({
      code: 'upstream-unknown',
      hint: expect.stringMatching(/Elasticsearch 8 or 9 and OpenSearch 2 or 3/),
    });
  });
});
