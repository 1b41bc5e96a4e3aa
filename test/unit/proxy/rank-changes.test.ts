import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJudgements } from '../../../src/proxy/judgements.ts';
import { rankChanges } from '../../../src/proxy/rank-changes.ts';

const ids = ['a', 'b', 'c', 'd'];

describe('what re-ranking changes', () => {
  it('is nothing where the order stays, and everything where it is turned round', () => {
    expect(rankChanges([0, 1, 2, 3], 2, ids, undefined)).toEqual({ overlap: 1, tau: 1, ndcg: undefined });
    expect(rankChanges([3, 2, 1, 0], 2, ids, undefined)).toEqual({ overlap: 0, tau: -1, ndcg: undefined });
    expect(rankChanges([], 10, [], undefined)).toMatchObject({ overlap: 1, tau: 1 });
  });

  it("is Kendall's tau as its definition counts pairs", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), (order) => {
        let agreeing = 0;
        for (let i = 0; i < 12; i++)
          for (let j = i + 1; j < 12; j++) agreeing += order[i]! < order[j]! ? 1 : -1;
        expect(rankChanges(order, 10, [], undefined).tau).toBeCloseTo(agreeing / 66, 12);
      }),
    );
  });

  it('is measured by judgements where there are some', () => {
    const grades = new Map([
      ['d', 3],
      ['a', 1],
    ]);
    const { ndcg } = rankChanges([3, 0, 1, 2], 10, ids, grades);
    expect(ndcg!.after).toBe(1);
    expect(ndcg!.before).toBeCloseTo((1 + 3 / Math.log2(5)) / (3 + 1 / Math.log2(3)), 12);
  });
});

describe('judgements', () => {
  const file = (content: string) => {
    const path = join(mkdtempSync(join(tmpdir(), 'mice-judgements-')), 'judgements.tsv');
    writeFileSync(path, content);
    return path;
  };

  it('are found by question, whatever its case and spacing', () => {
    const of = readJudgements(file('How  do glaciers move\ta\t2\nhow do glaciers move\tb\t0\n'));
    expect([...of('how do Glaciers move ')!]).toEqual([
      ['a', 2],
      ['b', 0],
    ]);
    expect(of('other')).toBeUndefined();
  });

  it('name the line that is none', () => {
    expect(() => readJudgements(file('q\ta\t1\nq\ta\n'))).toThrow(/Line 2 of/);
    expect(() => readJudgements('/no/such/file')).toThrow(/cannot be read/);
  });
});
