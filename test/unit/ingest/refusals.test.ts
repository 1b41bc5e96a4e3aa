import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takesRefusals, withRefusals } from '../../../src/ingest/refusals.ts';

async function through(
  answer: string,
  refused: Readonly<Record<number, string>>,
  pieces = 1000,
): Promise<string> {
  const bytes = Buffer.from(answer);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += pieces) yield bytes.subarray(at, at + pieces);
  }
  const map = new Map(Object.entries(refused).map(([at, item]) => [Number(at), Buffer.from(item)]));
  const out: Buffer[] = [];
  for await (const chunk of withRefusals(chunks(), map)) out.push(chunk);
  return Buffer.concat(out).toString();
}

const item = (id: number) => `{"index":{"_id":"${id}","x":"]},{\\"items\\":[é"}}`;
const answer = (ids: readonly number[], errors = false) =>
  `{"took":9007199254740993,"errors":${errors},"items":[${ids.map(item).join(',')}],"ingest_took":1}`;

describe('items that were refused', () => {
  it('stand in their places, whatever they are between, and whatever chunks the answer comes in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 80 }),
        async (isRefused, pieces) => {
          const ids = isRefused.map((_, at) => at);
          const refused = Object.fromEntries(ids.filter((at) => isRefused[at]).map((at) => [at, item(at)]));
          const sent = answer(ids.filter((at) => !isRefused[at]));
          expect(await through(sent, refused, pieces)).toBe(answer(ids, true));
        },
      ),
    );
  });

  it.each(['{"error":{"type":"x"},"status":500}', 'not json', '', '{"items":['])(
    'leave an answer of another shape as it came: %j',
    async (other) => {
      expect(await through(other, { 0: item(0) }, 3)).toBe(other);
    },
  );

  it('need an answer that is JSON and whole', () => {
    expect(takesRefusals('/_bulk?refresh', undefined)).toBe(true);
    expect(takesRefusals('/_bulk', 'application/vnd.elasticsearch+json; compatible-with=9')).toBe(true);
    expect(takesRefusals('/_bulk?filter_path=errors', undefined)).toBe(false);
    expect(takesRefusals('/_bulk', 'application/cbor')).toBe(false);
  });
});
