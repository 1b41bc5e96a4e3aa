/** An evaluation as a table for a terminal. */
import { type Comparison, compareModes, type Evaluation, type ModeSummary, summarise } from './evaluation.ts';

const columns: readonly (readonly [string, (summary: ModeSummary) => string])[] = [
  ['nDCG@10', (summary) => summary['ndcg@10'].toFixed(4)],
  ['MRR@10', (summary) => summary['mrr@10'].toFixed(4)],
  ['recall@100', (summary) => summary['recall@100'].toFixed(4)],
  ['p50 ms', ({ latencyMs }) => latencyMs.p50.toFixed(1)],
  ['p95 ms', ({ latencyMs }) => latencyMs.p95.toFixed(1)],
  ['bytes/document', ({ bytesPerDocument }) => bytesPerDocument.toLocaleString('en-US')],
];

/** Cells in columns of equal width, the first to the left and the others to the right. */
function align(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}

function comparisonLine({ from, to, pValue, ...difference }: Comparison): string {
  const change = difference['ndcg@10'];
  const sign = change < 0 ? '−' : '+';
  const chance = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  return `${to} against ${from}: ${sign}${Math.abs(change).toFixed(4)} nDCG@10, ${chance} (paired randomisation test)`;
}

/** The table, a line per comparison and the notes, ending in a newline. */
export function reportTable(evaluation: Evaluation): string {
  const { data, documents, engine, bundle, window, runs, notes } = evaluation;
  const queries = runs[0]?.rows.length ?? 0;
  const head = `${data}: ${documents} documents, ${queries} queries · ${engine.name} ${engine.version} · ${bundle} · window ${window}`;
  const rows = runs.map((run) => [run.mode, ...columns.map(([, cell]) => cell(summarise(run)))]);
  const table = align([['mode', ...columns.map(([name]) => name)], ...rows]);
  const parts = [head, '', ...table, ''];
  const comparisons = compareModes(runs).map(comparisonLine);
  return [...parts, ...comparisons, ...notes.map((note) => `Note: ${note}`)].join('\n').trimEnd() + '\n';
}
