import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enrichBulk } from '../../../src/ingest/bulk.ts';
import type { EnrichedWrite, Write } from '../../../src/ingest/enrich.ts';
import type { StoreName } from '../../../src/ingest/stores/store.ts';

const PREPARED = 'ready';
const storesOf: Readonly<Record<string, StoreName>> = { [PREPARED]: 'field', aside: 'companion' };

/** Marks what was enriched in place of a model's fields. */
const mark = ({ action, body }: Write): EnrichedWrite => ({
  kind: 'send',
  body: action === 'delete' ? body : Buffer.from(`<${body}>`),
});

const rest = {
  hidden: [],
  lineLimitBytes: 1e6,
  onRefused: () => {},
};

async function through(
  body: string,
  {
    index,
    pieces = 7,
    beside,
  }: { index?: string; pieces?: number; beside?: [number, string | undefined][] } = {},
): Promise<string> {
  const bytes = Buffer.from(body);
  const chunks = Array.from({ length: Math.ceil(bytes.length / pieces) }, (_, at) =>
    bytes.subarray(at * pieces, (at + 1) * pieces),
  );
  const out: Buffer[] = [];
  const needs = {
    index,
    storeOf: async (name: string) => storesOf[name] ?? 'cache',
    onBeside: (position: number, routing: string | undefined) => beside?.push([position, routing]),
    enrich: async (writes: readonly Write[]) => writes.map(mark),
    ...rest,
  };
  for await (const chunk of enrichBulk(Readable.from(chunks), needs)) out.push(chunk);
  return Buffer.concat(out).toString();
}

describe('a bulk request', () => {
  it('has the sources of index and create actions enriched, in order', async () => {
    const body = '{"index":{"_index":"ready"}}\n{"a":1}\n{"create":{"_index":"ready","_id":"x"}}\n{"a":2}\n';
    expect(await through(body)).toBe(
      '{"index":{"_index":"ready"}}\n<{"a":1}>\n{"create":{"_index":"ready","_id":"x"}}\n<{"a":2}>\n',
    );
  });

  it('leaves items whose states lie beside as they are, and tells where they stand and their routing', async () => {
    const body =
      '{"index":{"_index":"ready"}}\n{"a":1}\n\n{"index":{"_index":"aside","routing":"r"}}\n{"a":2}\n{"delete":{"_index":"aside","_id":"x"}}\n';
    const beside: [number, string | undefined][] = [];
    expect(await through(body, { beside })).toBe(body.replace('{"a":1}', '<{"a":1}>'));
    expect(beside).toEqual([
      [1, 'r'],
      [2, undefined],
    ]);
  });

  it('takes the index from the path where the action names none', async () => {
    expect(await through('{"index":{}}\n{"a":1}\n', { index: PREPARED })).toBe('{"index":{}}\n<{"a":1}>\n');
    expect(await through('{"index":{"_index":"other"}}\n{"a":1}\n', { index: PREPARED })).toBe(
      '{"index":{"_index":"other"}}\n{"a":1}\n',
    );
  });

  it('has updates enriched and deletes left as they are, and does not take what follows for something else', async () => {
    const others = '{"delete":{"_index":"ready","_id":"1"}}\n{"update":{"_index":"ready","_id":"2"}}\n';
    const action = '{"index":{"_index":"ready"}}\n';
    expect(await through(`${others}{"doc":{"a":1}}\n${action}{"a":1}\n`)).toBe(
      `${others}<{"doc":{"a":1}}>\n${action}<{"a":1}>\n`,
    );
  });

  it('keeps line breaks as they came, Windows ones and a missing last one included', async () => {
    expect(await through('{"index":{}}\r\n{"a":1}\r\n{"index":{}}\n{"b":2}', { index: PREPARED })).toBe(
      '{"index":{}}\r\n<{"a":1}>\r\n{"index":{}}\n<{"b":2}>',
    );
  });

  it.each([
    'not json\n{"a":1}\n{"index":{"_index":"ready"}}\n{"a":1}\n',
    '{"index":{"_index":"ready"},"create":{}}\n{"a":1}\n',
    '{"unknown":{"_index":"ready"}}\n{"a":1}\n',
    '[]\n{"index":{"_index":"ready"}}\n{"a":1}\n',
    '\u0000\u0001\u0002\n\n\n',
    '{"index":{"_index":"ready"}}',
    '',
  ])('passes on unread what it cannot pair: %j', async (body) => {
    expect(await through(body)).toBe(body);
  });

  it('is the same however it is cut into chunks', async () => {
    const body =
      '{"index":{"_index":"ready"}}\n{"t":"é😀"}\n{"delete":{"_id":"1"}}\n{"index":{"_index":"no"}}\n{}\n';
    const whole = await through(body, { pieces: 10_000 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        async (pieces) => (await through(body, { pieces })) === whole,
      ),
    );
  });

  it('holds one group at a time', async () => {
    const line = `{"index":{"_index":"ready"}}\n{"t":"${'x'.repeat(1000)}"}\n`;
    let sent = 0;
    let most = 0;
    const source = async function* () {
      for (let i = 0; i < 2000; i++) {
        sent++;
        yield Buffer.from(line);
      }
    };
    let received = 0;
    const needs = {
      index: undefined,
      storeOf: async () => 'field' as const,
      onBeside: () => {},
      enrich: async (writes: readonly Write[]) => writes.map(({ body }) => ({ kind: 'send', body }) as const),
      ...rest,
    };
    for await (const chunk of enrichBulk(Readable.from(source(), { highWaterMark: 1 }), needs)) {
      received += chunk.toString().split('\n').length >> 1;
      most = Math.max(most, sent - received);
    }
    expect(received).toBe(2000);
    expect(most).toBeLessThan(300);
  });
});
