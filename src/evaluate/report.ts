/** An evaluation as a table for a terminal. */
import { type Comparison, compareModes, type Evaluation, type ModeSummary, summarise } from './evaluation.ts';

/** Heading and cell of every column behind the mode's name. */
export const columns: readonly (readonly [string, (summary: ModeSummary) => string])[] = [
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

/** E.g. `mice against bm25: +0.0512 nDCG@10, p < 0.001 (paired randomisation test)`. */
export function comparisonLine({ from, to, pValue, ...difference }: Comparison): string {
  const change = difference['ndcg@10'];
  const sign = change < 0 ? '−' : '+';
  const chance = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  return `${to} against ${from}: ${sign}${Math.abs(change).toFixed(4)} nDCG@10, ${chance} (paired randomisation test)`;
}

/** What was measured, on one line. */
export function headline({ data, documents, engine, bundle, window, runs }: Evaluation): string {
  const size = `${documents} documents, ${runs[0]?.rows.length ?? 0} queries`;
  return `${data}: ${size} · ${engine.name} ${engine.version} · ${bundle} · window ${window}`;
}

/** The table, a line per comparison and the notes, ending in a newline. */
export function reportTable(evaluation: Evaluation): string {
  const { runs, notes } = evaluation;
  const rows = runs.map((run) => [run.mode, ...columns.map(([, cell]) => cell(summarise(run)))]);
  const table = align([['mode', ...columns.map(([name]) => name)], ...rows]);
  const lines = [...compareModes(runs).map(comparisonLine), ...notes.map((note) => `Note: ${note}`)];
  return [headline(evaluation), '', ...table, '', ...lines].join('\n').trimEnd() + '\n';
}
