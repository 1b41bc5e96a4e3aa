import { describe, expect, test } from 'vitest';
import { BM25 } from '../../../src/evaluate/bm25.ts';
import { type Evaluation, evaluationJson, type ModeRun } from '../../../src/evaluate/evaluation.ts';
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
const evaluation: Evaluation = {
  data: 'tides',
  documents: 1400,
  engine: { name: 'opensearch', version: '3.6.0' },
  bundle: 'mice-small',
  bm25: { ...BM25, analyzer: 'english' },
  window: 100,
  concurrency: 1,
  notes: ['one thing'],
  runs: [bm25, mice],
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

  test('compares later modes with the first', () => {
    // Differences 0.25, 0.25, 0: as extreme in 4 of 8 sign patterns.
    expect(json['comparisons']).toEqual([
      { from: 'bm25', to: 'mice', 'ndcg@10': 0.16667, pValue: expect.closeTo(0.5, 1) },
    ]);
  });
});

test('the table has a line per mode, the comparison and the notes', () => {
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

describe('the page', () => {
  const page = reportHtml({ ...evaluation, data: '<script>alert("tides")</script>' });

  test('has the rows of the table and a plot of what each query gained', () => {
    expect(page).toContain('<td>mice</td><td>0.4167</td>');
    // Gains 0.25, 0.25 and 0: two columns up, one without height.
    expect(page.match(/class="gain"/g)).toHaveLength(2);
    expect(page.match(/height="20.00" class="gain"/g)).toHaveLength(2);
    expect(page).toContain('height="0.00" class="loss"');
  });

  test('draws the longest bar for the best mode', () => {
    const widths = [...page.matchAll(/width="([\d.]+)" height="18" class="bar"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths[1]).toBeGreaterThan(widths[0]!);
  });

  test('shows names as text, and loads and runs nothing', () => {
    expect(page).toContain('&#60;script&#62;');
    expect(page).not.toMatch(/<script|src=|href=|url\(/);
  });
});
