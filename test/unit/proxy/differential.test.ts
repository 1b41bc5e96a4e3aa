import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { asEngine, bodyOf, dial, listeningOn, proxyOver } from '../../support/stub-engine.ts';

/** Requests of one run; seeds differ from run to run, and a failure names its own. */
const REQUESTS = 2000;

/** Headers that belong to a connection, or name it: they may differ between both ways. */
const ofTheConnection = /^(?:host|connection|keep-alive|transfer-encoding|date):/i;

interface Generated {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
  readonly chunks: number;
  readonly answer: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: Uint8Array;
    readonly chunked: boolean;
  };
}

const token = fc.string({
  unit: fc.constantFrom(..."abcXYZ019-_.!#$%&'*+^`|~"),
  minLength: 1,
  maxLength: 12,
});
const fieldValue = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((c) => c < 0x7f || c > 0x9f)
      .map(String.fromCharCode),
  })
  .map((text) => text.trim());
const field = fc.oneof(
  fc.tuple(
    token.map((name) => `x-${name}`).filter((name) => !name.toLowerCase().startsWith('x-mice')),
    fieldValue,
  ),
  fc.constantFrom(
    ['Authorization', 'Basic YTpi'] as const,
    ['X-Opaque-Id', 'task'] as const,
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'] as const,
    ['Accept', 'application/vnd.elasticsearch+json; compatible-with=9'] as const,
    ['Accept-Encoding', 'gzip, br'] as const,
    ['Cookie', 'a=b; c=d'] as const,
    ['Content-Type', 'application/smile'] as const,
    ['Range', 'bytes=0-3'] as const,
  ),
);
const pathCharacter = fc.constantFrom(..."abc019-._~!$&'()*+,;=:@/%20%2F%00%C3%A9?".match(/%..|./g)!);
const path = fc
  .string({ unit: pathCharacter, maxLength: 40 })
  // The routes that are looked into have suites of their own.
  .map((text) => `/p${text}`)
  .filter((text) => !/_search|_bulk|_doc|_create|_mice/.test(text));
/** Any short bytes, and long ones that repeat short ones. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .tuple(fc.integer({ min: 2000, max: 100_000 }), fc.uint8Array({ minLength: 1, maxLength: 64 }))
    .map(([length, pattern]) => new Uint8Array(Buffer.alloc(length, pattern))),
);

const generated: fc.Arbitrary<Generated> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'SEARCH'),
  path,
  headers: fc.array(field, { maxLength: 8 }),
  body: fc.option(bytes, { nil: undefined }),
  chunks: fc.nat({ max: 3 }),
  answer: fc.record({
    status: fc.constantFrom(200, 200, 200, 201, 204, 301, 304, 400, 401, 404, 409, 429, 500, 503),
    headers: fc.array(
      fc.oneof(
        field,
        fc.constantFrom(
          ['X-elastic-product', 'Elasticsearch'] as const,
          ['Warning', '299 Elasticsearch-9 "deprecated"'] as const,
          ['WWW-Authenticate', 'Basic realm="x"'] as const,
          ['Set-Cookie', 'a=1'] as const,
        ),
      ),
      { maxLength: 6 },
    ),
    body: bytes,
    chunked: fc.boolean(),
  }),
});

/** The message on the wire, with a fresh connection for it. */
function wire({ method, path, headers, body, chunks }: Generated): Buffer {
  const head = [`${method} ${path} HTTP/1.1`, 'Host: h', 'Connection: close'];
  head.push(...headers.map(([name, value]) => `${name}: ${value}`));
  if (body === undefined) return Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  head.push(chunks === 0 ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked');
  const start = Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1');
  return Buffer.concat([start, chunks === 0 ? body : inChunks(body, chunks)]);
}

function inChunks(body: Uint8Array, count: number): Buffer {
  const size = Math.max(1, Math.ceil(body.length / count));
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

interface Seen {
  readonly line: string;
  readonly headers: readonly string[];
  /** Length and digest: comparing long arrays element by element takes longer than sending them. */
  readonly body: string;
}

/** Sends by hand and takes the answer apart: status line, headers but those of the connection, body unchunked. */
async function send(url: string, message: Buffer, isHead: boolean): Promise<Seen> {
  const socket = await dial(url);
  const chunks: Buffer[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket
    .on('data', (chunk) => chunks.push(chunk))
    .once('error', () => {})
    .once('close', () => resolve());
  socket.setTimeout(5000, () => socket.destroy());
  socket.write(message);
  await promise;
  const all = Buffer.concat(chunks);
  const end = all.indexOf('\r\n\r\n');
  const [line = '', ...headers] = all.toString('latin1', 0, end).split('\r\n');
  const rest = all.subarray(end + 4);
  const isChunked = headers.some((header) => /^transfer-encoding: chunked$/i.test(header));
  return {
    line,
    headers: ownHeaders(headers),
    body: digestOf(isChunked && !isHead ? unchunked(rest) : rest),
  };
}

function digestOf(body: Buffer): string {
  return `${body.length} bytes ${createHash('sha1').update(body).digest('hex')}`;
}

function unchunked(body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16);
    pieces.push(body.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
  return Buffer.concat(pieces);
}

/** Case, order and repetitions count; an announced empty body on methods that need none does not. */
function ownHeaders(headers: readonly string[]): string[] {
  return headers
    .filter((header) => !ofTheConnection.test(header))
    .map((header) => header.replace(/^content-length:/i, 'content-length:'))
    .filter((header) => header !== 'content-length: 0')
    .map((header) => header.trimEnd());
}

it(`${REQUESTS} generated requests and answers are the same through the proxy as directly, byte for byte`, async () => {
  let asked: Generated | undefined;
  let reached: Seen | undefined;
  const server = createServer(
    { maxHeaderSize: 1 << 17 },
    asEngine(async (request, response) => {
      const { method, url, rawHeaders } = request;
      const headers = rawHeaders.flatMap((name, at) =>
        at % 2 === 0 ? [`${name}: ${rawHeaders[at + 1]}`] : [],
      );
      reached = {
        line: `${method} ${url}`,
        headers: lengthLast(ownHeaders(headers)),
        body: digestOf(await bodyOf(request)),
      };
      const { status, headers: answered, body, chunked } = asked!.answer;
      const packed = chunked ? gzipSync(body) : Buffer.from(body);
      const length =
        chunked || status === 204 || status === 304 ? [] : ['Content-Length', String(packed.length)];
      response.writeHead(status, 'As It Came', [...answered.flat(), ...length]);
      response.end(request.method === 'HEAD' ? undefined : packed);
    }),
  );
  const directUrl = `http://${await listeningOn(server)}`;
  const { url } = await proxyOver(directUrl);
  const property = fc.asyncProperty(generated, async (request) => {
    asked = request;
    const message = wire(request);
    const isHead = request.method === 'HEAD';
    const direct = await send(directUrl, message, isHead);
    const reachedDirectly = reached;
    const proxied = await send(url, message, isHead);
    expect(reached).toEqual(reachedDirectly);
    expect(proxied).toEqual(direct);
  });
  await fc.assert(property, { numRuns: REQUESTS, endOnFailure: true });
}, 900_000);

/** The client library writes the length after the fields that it was given. */
function lengthLast(headers: readonly string[]): string[] {
  const isLength = (header: string) => header.startsWith('content-length:');
  return [...headers.filter((header) => !isLength(header)), ...headers.filter(isLength)];
}
