/** An evaluation as a table for a terminal. */
import { type Comparison, type Evaluation, type ModeSummary, summarise } from './evaluation.ts';

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

const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;

/** E.g. `p < 0.001`, `p = 0.042`. */
export const chance = (p: number) => (p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`);

/** The mean difference, with * where it is significant at 5 % and ** at 1 % after the correction for all pairs. */
export function differenceCell({ pValueHolm, ...difference }: Comparison): string {
  const stars = pValueHolm < 0.01 ? '**' : pValueHolm < 0.05 ? '*' : '';
  return signed(difference['ndcg@10']) + stars;
}

/** E.g. `mice against bm25: +0.0512 nDCG@10, p < 0.001`. */
function comparisonLine(comparison: Comparison): string {
  const { from, to, pValue } = comparison;
  return `${to} against ${from}: ${signed(comparison['ndcg@10'])} nDCG@10, ${chance(pValue)} (paired randomisation test)`;
}

/**
 * What each mode gains over each before it: a column for the earlier one, a row for the later one, and stars
 * padded so that figures stand under each other.
 */
function pairsTable({ runs, comparisons }: Evaluation): readonly string[] {
  const names = runs.map(({ mode }) => mode);
  const cell = (from: string, to: string) => {
    const found = comparisons.find((one) => one.from === from && one.to === to);
    return found === undefined ? '' : differenceCell(found).padEnd(9);
  };
  const head = ['nDCG@10 against', ...names.slice(0, -1).map((name) => name.padEnd(9))];
  const rows = names.slice(1).map((to) => [to, ...names.slice(0, -1).map((from) => cell(from, to))]);
  return [
    ...align([head, ...rows]),
    'Paired randomisation test, p-values corrected for all pairs (Holm): * p < 0.05, ** p < 0.01',
  ];
}

function comparisonLines(evaluation: Evaluation): readonly string[] {
  const { comparisons } = evaluation;
  return comparisons.length > 1 ? [...pairsTable(evaluation), ''] : comparisons.map(comparisonLine);
}

/** How large and on what, on one line. */
export function settingLine({ documents, engine, bundle, window, runs }: Evaluation): string {
  const size = `${documents} documents, ${runs[0]?.rows.length ?? 0} queries`;
  return `${size} · ${engine.name} ${engine.version} · ${bundle} · window ${window}`;
}

/** The table, what the modes gain over each other and the notes, ending in a newline. */
export function reportTable(evaluation: Evaluation): string {
  const { runs, notes } = evaluation;
  const rows = runs.map((run) => [run.mode, ...columns.map(([, cell]) => cell(summarise(run)))]);
  const table = align([['mode', ...columns.map(([name]) => name)], ...rows]);
  const lines = [...comparisonLines(evaluation), ...notes.map((note) => `Note: ${note}`)];
  return (
    [`${evaluation.data}: ${settingLine(evaluation)}`, '', ...table, '', ...lines].join('\n').trimEnd() + '\n'
  );
}
