import { describe, expect, it } from 'vitest';
import type { Answered } from '../../../src/demo/ask.ts';
import { printBriefly, printQuestion, printSummary } from '../../../src/demo/print.ts';
import { reportOf } from '../../../src/demo/report.ts';
import { screenOf, toWidth } from '../../../src/demo/screen.ts';
import { stageTimesOf } from '../../../src/observe/stages.ts';

const answered: Answered = {
  question: {
    id: 'q1',
    text: 'why does it never end',
    grades: new Map([
      ['d4', 3],
      ['d1', 1],
    ]),
  },
  firstStage: ['d1', 'd2', 'd3', 'd4'],
  reranked: ['d4', 'd1', 'd2', 'd9'],
  scores: [0.9, 0.5, 0.1, 0.05],
  verdict: 'reranked; window=100; scored=4; model=m@1; took=12',
  timingsMs: { query: 2.34, upstream: 4.06, total: 12.2 },
  quality: { firstStage: 0.5123456, reranked: 1 },
};
const titles = new Map([
  ['d1', 'first title'],
  ['d2', 'second title'],
  ['d3', 'third title'],
  ['d4', 'fourth title'],
]);

describe('A question on the terminal', () => {
  it('shows both orders side by side, with judgements, moves, quality and times', () => {
    const lines = printQuestion(answered, titles, screenOf(80, false)).map((line) => line.trimEnd());
    expect(lines).toEqual([
      '',
      'why does it never end',
      'the cluster                              re-ranked',
      '1 · first title                          1 ▲3  ● fourth title',
      '2   second title                         2 ▼1  · first title',
      '3   third title                          3 ▼1    second title',
      '4 ● fourth title                         4 new   d9',
      'nDCG@10 0.51 → 1.00   query 2.3 · upstream 4.1 · total 12.2 ms',
    ]);
  });

  it('shows one order under the other on a narrow terminal', () => {
    const lines = printQuestion(answered, titles, screenOf(60, false)).map((line) => line.trimEnd());
    expect(lines.slice(2, 5)).toEqual(['the cluster', '1 · first title', '2   second title']);
    expect(lines.indexOf('re-ranked')).toBe(7);
  });

  it('keeps every line within the width, and colours nothing unless asked', () => {
    const long = new Map([...titles].map(([id, title]) => [id, title.repeat(20)]));
    for (const columns of [40, 76, 100, 500]) {
      const screen = screenOf(columns, false);
      for (const line of printQuestion(answered, long, screen).slice(2, -1)) {
        expect([...line].length).toBeLessThanOrEqual(screen.columns);
        expect(line).not.toContain('\x1b');
      }
    }
    expect(printQuestion(answered, titles, screenOf(80, true)).join('')).toContain('\x1b[32m');
  });

  it('says why where nothing was re-ranked', () => {
    const skipped = { ...answered, verdict: 'skipped; reason=off', timingsMs: {}, quality: undefined };
    expect(printQuestion(skipped, titles, screenOf(80, false)).at(-1)).toBe('skipped; reason=off');
    expect(printBriefly(skipped, screenOf(80, false))).toContain('skipped');
  });

  it('cuts a title with an ellipsis and pads a short one', () => {
    expect([toWidth('abcdef', 4), toWidth('ab', 4), toWidth('😀😀😀', 2)]).toEqual(['abc…', 'ab  ', '😀…']);
  });
});

describe('The summary', () => {
  it('gives both means, gains and losses, and median times', () => {
    const worse: Answered = {
      ...answered,
      quality: { firstStage: 1, reranked: 0.5 },
      timingsMs: { total: 20 },
    };
    expect(printSummary([answered, worse], screenOf(100, false))).toEqual([
      '',
      'nDCG@10 over 2 questions 0.756 → 0.750; 1 better, 1 worse, 0 the same',
      'median query 2.3 · upstream 4.1 · total 12.2 ms',
    ]);
  });

  it('leaves quality out where nothing is judged', () => {
    expect(printSummary([{ ...answered, quality: undefined }], screenOf(100, false))).toHaveLength(2);
    expect(printSummary([], screenOf(100, false))).toEqual(['']);
  });
});

describe('The report', () => {
  const head = {
    engine: { name: 'opensearch', version: '3.6.0' },
    bundle: 'm@1',
    corpus: { name: 'docs', documents: 4, indexMs: 12.6 },
  };

  it('has the keys that programs read', () => {
    expect(reportOf(head, [answered])).toEqual({
      ...head,
      corpus: { name: 'docs', documents: 4, indexMs: 13 },
      quality: { 'ndcg@10': { firstStage: 0.5123, reranked: 1 } },
      queries: [
        {
          query: 'why does it never end',
          firstStage: ['d1', 'd2', 'd3', 'd4'],
          reranked: ['d4', 'd1', 'd2', 'd9'],
          scores: [0.9, 0.5, 0.1, 0.05],
          verdict: 'reranked; window=100; scored=4; model=m@1; took=12',
          timingsMs: { query: 2.34, upstream: 4.06, total: 12.2 },
          'ndcg@10': { firstStage: 0.5123, reranked: 1 },
        },
      ],
    });
  });

  it('claims no quality without judgements', () => {
    expect(reportOf(head, [{ ...answered, quality: undefined }]).quality).toEqual({});
  });

  it('reads stage times from the server-timing header', () => {
    expect(stageTimesOf('upstream;dur=8.1, score;dur=12, total;dur=20.55')).toEqual({
      upstream: 8.1,
      score: 12,
      total: 20.55,
    });
    expect(stageTimesOf('')).toEqual({});
  });
});
