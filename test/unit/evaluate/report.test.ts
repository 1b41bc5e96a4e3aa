import { describe, expect, test } from 'vitest';
import { BM25 } from '../../../src/evaluate/bm25.ts';
import {
  compareModes,
  type Evaluation,
  evaluationJson,
  type ModeRun,
} from '../../../src/evaluate/evaluation.ts';
import type { QueryRow } from '../../../src/evaluate/measure.ts';
import { reportTable } from '../../../src/evaluate/report.ts';
import { reportHtml } from '../../../src/evaluate/report-html.ts';

const row = (query: string, ndcg: number, latencyMs: number, verdict?: string): QueryRow => ({
  query,
  'ndcg@10': ndcg,
  'mrr@10': ndcg / 2,
  'recall@100': 1,
  latencyMs,
  ...(verdict === undefined ? {} : { verdict }),
});

const bm25: ModeRun = {
  mode: 'bm25',
  bytesPerDocument: 812,
  rows: [row('q1', 0.25, 4), row('q2', 0.5, 8), row('q3', 0, 6)],
};
const mice: ModeRun = {
  mode: 'mice',
  bytesPerDocument: 12_345,
  rows: [
    row('q1', 0.5, 20.126, 'reranked; window=100; scored=100; model=m; took=12'),
    row('q2', 0.75, 22, 'reranked; window=100; scored=98; model=m; took=14'),
    row('q3', 0, 21, 'skipped; reason=no-hits'),
  ],
};
const crossEncoder: ModeRun = {
  mode: 'cross-encoder',
  bytesPerDocument: 812,
  rows: [row('q1', 1, 900), row('q2', 0.5, 1100), row('q3', 0.25, 1000)],
};
const evaluation: Evaluation = {
  data: 'tides',
  documents: 1400,
  engine: { name: 'opensearch', version: '3.6.0' },
  bundle: 'mice-small',
  bm25: { ...BM25, analyzer: 'english' },
  window: 100,
  concurrency: 1,
  notes: ['one thing'],
  queries: new Map([
    ['q1', 'why does the sea rise'],
    ['q2', 'how do bees talk'],
    ['q3', 'what is <b>bold</b> in </script>'],
  ]),
  runs: [bm25, mice],
  comparisons: compareModes([bm25, mice]),
};
const three: Evaluation = {
  ...evaluation,
  runs: [bm25, mice, crossEncoder],
  comparisons: compareModes([bm25, mice, crossEncoder]),
};

describe('the JSON of an evaluation', () => {
  const json = evaluationJson(evaluation) as Record<string, never>;

  test('has the documented keys', () => {
    expect(json).toMatchObject({
      data: 'tides',
      engine: { name: 'opensearch', version: '3.6.0' },
      bundle: 'mice-small',
      modes: {
        bm25: {
          'ndcg@10': 0.25,
          'mrr@10': 0.125,
          'recall@100': 1,
          queries: 3,
          latencyMs: { p50: 6, p95: 8 },
          bytesPerDocument: 812,
        },
        mice: { 'ndcg@10': 0.41667, latencyMs: { p50: 21, p95: 22 } },
      },
      perQuery: { bm25: { q1: 0.25, q2: 0.5, q3: 0 }, mice: { q1: 0.5, q2: 0.75, q3: 0 } },
    });
  });

  test('counts the proxy’s verdicts without their figures', () => {
    expect(json['modes']).toMatchObject({
      mice: { verdicts: { reranked: 2, 'skipped; reason=no-hits': 1 } },
    });
    expect(json['modes']!['bm25']).not.toHaveProperty('verdicts');
  });

  test('compares every mode with every one before it', () => {
    // Differences 0.25, 0.25, 0: as extreme in 4 of 8 sign patterns.
    expect(json['comparisons']).toEqual([
      {
        from: 'bm25',
        to: 'mice',
        'ndcg@10': 0.16667,
        pValue: expect.closeTo(0.5, 1),
        pValueHolm: expect.closeTo(0.5, 1),
      },
    ]);
    const pairs = compareModes([bm25, mice, crossEncoder]).map(({ from, to, ...rest }) => [
      from,
      to,
      Number(rest['ndcg@10'].toFixed(5)),
    ]);
    expect(pairs).toEqual([
      ['bm25', 'mice', 0.16667],
      ['bm25', 'cross-encoder', 0.33333],
      ['mice', 'cross-encoder', 0.16667],
    ]);
  });

  test('has every metric and the time of every query', () => {
    expect(json['perQueryRows']).toMatchObject({
      mice: { q1: { 'ndcg@10': 0.5, 'mrr@10': 0.25, 'recall@100': 1, latencyMs: 20.13 } },
    });
  });

  test('names modes that were not measured, and only then', () => {
    expect(json).not.toHaveProperty('unmeasured');
    const stopped = { fault: new Error('interrupted'), unmeasured: ['cross-encoder'] as const };
    expect(evaluationJson({ ...evaluation, stopped })).toMatchObject({ unmeasured: ['cross-encoder'] });
  });
});

test('figures are rounded once: the table shows 0.1117 where the mean is 0.11165025', () => {
  const one: ModeRun = { ...bm25, rows: [row('q1', 0.11165025, 4)] };
  expect(reportTable({ ...evaluation, runs: [one], comparisons: [] })).toContain('bm25   0.1117');
  const pair = compareModes([
    { ...bm25, rows: [row('q1', 0, 4)] },
    { ...one, mode: 'mice' },
  ]);
  expect(reportTable({ ...evaluation, comparisons: pair })).toContain('+0.1117 nDCG@10');
});

describe('the table', () => {
  test('has a line per mode, the comparison and the notes', () => {
    const lines = reportTable(evaluation).split('\n');
    expect(lines[0]).toBe('tides: 1400 documents, 3 queries · opensearch 3.6.0 · mice-small · window 100');
    expect(lines.slice(2, 5)).toEqual([
      'mode  nDCG@10  MRR@10  recall@100  p50 ms  p95 ms  bytes/document',
      'bm25   0.2500  0.1250      1.0000     6.0     8.0             812',
      'mice   0.4167  0.2083      1.0000    21.0    22.0          12,345',
    ]);
    expect(lines[6]).toMatch(
      /^mice against bm25: \+0\.1667 nDCG@10, p = 0\.\d+ \(paired randomisation test\)$/,
    );
    expect(lines.slice(7)).toEqual(['Note: one thing', '']);
  });

  test('shows the pairs of three modes and more as rows against columns', () => {
    const lines = reportTable(three).split('\n');
    expect(lines.slice(7, 10)).toEqual([
      'nDCG@10 against  bm25       mice',
      'mice             +0.1667',
      'cross-encoder    +0.3333    +0.1667',
    ]);
    expect(lines[10]).toMatch(/^Paired randomisation test, .*Holm/);
  });

  test('marks a difference that is significant after the correction', () => {
    const many = (mode: 'bm25' | 'mice' | 'cross-encoder', ndcg: number): ModeRun => ({
      mode,
      bytesPerDocument: 1,
      rows: Array.from({ length: 30 }, (_, at) => row(`q${at}`, ndcg, 1)),
    });
    const runs = [many('bm25', 0.25), many('mice', 0.5), many('cross-encoder', 0.5)];
    const table = reportTable({ ...evaluation, runs, comparisons: compareModes(runs) });
    expect(table).toContain('mice             +0.2500**\n');
    expect(table).toContain('cross-encoder    +0.2500**  +0.0000\n');
  });
});

describe('the page', () => {
  const page = reportHtml({ ...three, data: '<script>alert("tides")</script>' });

  test('has the rows of the table, a point for every mode and a bar for every index', () => {
    expect(page).toContain('<th scope="row">mice</th><td>0.4167</td>');
    expect(page.match(/<circle/g)).toHaveLength(3);
    expect(page.match(/<rect [^>]*class="bar"/g)).toHaveLength(2);
    expect(page).toContain('bm25, cross-encoder</text>');
  });

  test('holds every query with its nDCG in every mode', () => {
    const [, embedded] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)!;
    expect(JSON.parse(embedded!)).toMatchObject({
      modes: ['bm25', 'mice', 'cross-encoder'],
      queries: [
        { id: 'q1', text: 'why does the sea rise' },
        {},
        { text: 'what is <b>bold</b> in </script>' },
      ],
      ndcg: { mice: [0.5, 0.75, 0] },
    });
  });

  test('shows names as text, loads nothing and allows its own script alone', () => {
    expect(page).toContain('<h1>&#60;script&#62;');
    expect(page).not.toMatch(/ src=|@import|url\(|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    expect([...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target)).toEqual(['data:,']);
    expect(page).toContain("default-src 'none'; style-src 'sha256-");
  });

  test('leaves no place of its template unfilled', () => {
    expect(page).not.toMatch(/\{\{|\}\}/);
  });
});
