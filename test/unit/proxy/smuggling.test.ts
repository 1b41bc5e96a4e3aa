/**
 * The threat: a client writes one message that two servers end at different places. What the second server takes for
 * a further request then never passed the rules of the first. Every message here is refused, or sent on with its end
 * where the proxy saw it; a request that was hidden in it reaches nobody.
 */
import { describe, expect, it } from 'vitest';
import { bodyOf, exchangeBytes, sharedProxy } from '../../support/stub-engine.ts';

const proxy = sharedProxy();
const hidden = 'DELETE /hidden HTTP/1.1\r\nhost: h\r\n\r\n';

/** What reached the cluster when `bytes` were sent, and what came back. */
async function send(bytes: string): Promise<{ reached: string[]; received: string }> {
  const reached: string[] = [];
  const url = proxy.answering(async (request, response) => {
    const body = await bodyOf(request).catch(() => Buffer.from('broke off'));
    reached.push(`${request.method} ${request.url} ${body}`);
    response.end();
  });
  const received = await exchangeBytes(url, bytes, (text) => /^HTTP\/1\.1 4/.test(text));
  return { reached, received };
}

describe('a message whose end is in doubt is refused', () => {
  it.each([
    ['a length beside chunks', `content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunks beside a length', `transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n${hidden}`],
    ['two lengths', `content-length: 0\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`],
    ['two equal lengths', 'content-length: 3\r\ncontent-length: 3\r\n\r\nabc'],
    ['a list of lengths', `content-length: 0, ${hidden.length}\r\n\r\n${hidden}`],
    ['a length with a sign', 'content-length: +3\r\n\r\nabc'],
    ['a negative length', 'content-length: -1\r\n\r\nabc'],
    ['a length in base 16', 'content-length: 0x3\r\n\r\nabc'],
    ['a length with a blank in it', 'content-length: 1 0\r\n\r\nabc'],
    ['a blank before the colon', `content-length : ${hidden.length}\r\n\r\n${hidden}`],
    ['a folded field', `x-a: b\r\n transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nabc`],
    ['another coding', 'transfer-encoding: identity\r\n\r\nabc'],
    ['a coding before chunks', 'transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['chunks that are not last', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
    ['chunks twice', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a misspelt coding', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['a coding behind a control character', 'transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n'],
    ['a bad chunk size', 'transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n'],
    [
      'a chunk size that overflows',
      'transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    ],
    ['a chunk without its line break', 'transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n'],
    ['a length among the trailers', 'transfer-encoding: chunked\r\n\r\n0\r\ncontent-length: 9\r\n\r\n'],
    ['a zero byte in a field', 'x-a: b\0c\r\n\r\n'],
    ['a bare line feed in a field', 'x-a: b\rc\r\n\r\n'],
  ])('%s', async (_, rest) => {
    const { reached, received } = await send(`POST /seen HTTP/1.1\r\nhost: h\r\n${rest}`);
    expect(received).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(reached.join()).not.toContain('hidden');
    for (const request of reached) expect(request).toMatch(/^POST \/seen broke off$/);
  });

  it('chunks from a client of HTTP/1.0', async () => {
    const { reached, received } = await send(
      `POST /seen HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    );
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(reached).toEqual([]);
  });

  it.each([
    ['two hosts', 'host: a\r\nhost: b\r\n'],
    ['no host', ''],
  ])('%s', async (_, hosts) => {
    const { reached, received } = await send(`GET /seen HTTP/1.1\r\n${hosts}\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(reached).toEqual([]);
  });

  it.each([
    ['a blank in the path', 'GET /a b HTTP/1.1'],
    ['a second version', 'GET / HTTP/1.1 HTTP/1.1'],
    ['a line break in the path', 'GET /a\nx: y HTTP/1.1'],
    ['bytes above ASCII in the path', 'GET /caf\xe9 HTTP/1.1'],
    ['a method that is no token', 'G@T / HTTP/1.1'],
  ])('%s', async (_, line) => {
    const { reached, received } = await send(`${line}\r\nhost: h\r\n\r\n`);
    expect(received).toMatch(/^HTTP\/1\.1 400 /);
    expect(reached).toEqual([]);
  });
});

describe('a message that hides another in its body is sent on as one', () => {
  it('with its length', async () => {
    const { reached } = await send(
      `POST /seen HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    expect(reached).toEqual([`POST /seen ${hidden}`]);
  });

  it('with a length that Connection wants taken away', async () => {
    const { reached } = await send(
      `POST /seen HTTP/1.1\r\nhost: h\r\nconnection: close, content-length\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    expect(reached).toEqual([`POST /seen ${hidden}`]);
  });

  it('in chunks, with chunk extensions and trailers that go no further', async () => {
    const size = hidden.length.toString(16);
    const { reached } = await send(
      `POST /seen HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${size};a=b\r\n${hidden}\r\n0\r\nx-trailer: 9\r\n\r\n`,
    );
    expect(reached).toEqual([`POST /seen ${hidden}`]);
  });

  it('on GET, whose body many servers overlook', async () => {
    const { reached } = await send(
      `GET /seen HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
    );
    expect(reached).toEqual([`GET /seen ${hidden}`]);
  });
});

describe('line breaks that are encoded in a request', () => {
  it('stay encoded in what the cluster sees', async () => {
    const { reached } = await send(
      'GET /a%0d%0ax-injected:1?b=%0d%0a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n',
    );
    expect(reached).toEqual(['GET /a%0d%0ax-injected:1?b=%0d%0a ']);
  });

  it.each([
    ['x-mice-query: a%0d%0ax-injected:1', 'x-mice-fields: text'],
    ['x-mice-query: ice', 'x-mice-fields: a%0d%0ax-injected:1'],
  ])('and our own controls add no header: %s', async (...controls) => {
    const headers: string[] = [];
    const url = proxy.answering((request, response) => {
      headers.push(...request.rawHeaders);
      const hit = { _index: 'i', _id: '1', _score: 1 };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ took: 1, hits: { max_score: 1, hits: [hit, { ...hit, _id: '2' }] } }));
    });
    const received = await exchangeBytes(
      url,
      `GET /i/_search HTTP/1.1\r\nhost: h\r\n${controls.join('\r\n')}\r\nconnection: close\r\n\r\n`,
    );
    expect(received).toMatch(/^HTTP\/1\.1 200/);
    expect(`${headers.join('\n')}\n${received}`).not.toMatch(/^x-injected/im);
  });
});
