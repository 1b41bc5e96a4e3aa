/** A page of measured reports: their ratios, times and conditions as tables. */
import type { BenchReport } from './report.ts';

type Row = BenchReport['rows'][number];

const TIMES = ['cpuMs', 'cpuMsLeast', 'cpuMsMost', 'wallMs'];
const SERVED = [
  ...['clients', 'searchesPerSecond', 'scoredPerSecond', 'p50Ms', 'p95Ms', 'cpuMsPerSearch'],
  ...['loopBusyMs', 'loopP99Ms', 'loopLongestMs'],
];

/** @param reports by the name of the command, e.g. `rerank` */
export function figuresPage(reports: Readonly<Record<string, BenchReport>>): string {
  const parts = Object.entries(reports).map(([name, report]) => section(name, report));
  return `# Performance, measured

Made by \`npm run docs\` from the reports in \`docs/performance/\`, which \`mice bench NAME --json docs/performance/NAME.json\` writes. [Performance](performance.md) says what the names mean.

${parts.join('\n')}`;
}

/** What a report says of how cost grows. */
export function growthIn({ rows }: BenchReport): readonly Row[] {
  return rows.filter(({ curve }) => curve !== undefined);
}

/** Of a report's growth plot, from the page on. */
export function growthPath(name: string): string {
  return `performance/${name}-growth.svg`;
}

function section(name: string, report: BenchReport): string {
  const { machine, conditions, ratios, rows } = report;
  const compared = rows.filter(({ curve, clients }) => curve === undefined && clients === undefined);
  const growth = growthIn(report);
  const served = rows.filter(({ clients }) => clients !== undefined);
  const grown =
    growth.length === 0
      ? ''
      : `![How cost grows](${growthPath(name)})\n\n${table(['curve', 'x', ...TIMES, 'lawMs'], growth)}\n\n`;
  return `## bench ${name}

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Node.js ${machine.node}, ${machine.platform}; load at the beginning ${machine.load}.

${table(['ratio', 'value'], entries(ratios, 'ratio'))}

${table(['what', ...TIMES], compared)}

${grown}${served.length === 0 ? '' : `${table(SERVED, served)}\n\n`}${table(['condition', 'value'], entries(conditions, 'condition'))}
`;
}

function entries(values: Readonly<Record<string, string | number>>, column: string): readonly Row[] {
  return Object.entries(values).map(([name, value]) => ({ [column]: name, value }));
}

function table(columns: readonly string[], rows: readonly Row[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const cell = (value: string | number = '') => String(value).replaceAll('|', '\\|');
  const lines = rows.map((row) => line(columns.map((column) => cell(row[column]))));
  return [line(columns), line(columns.map(() => '---')), ...lines].join('\n');
}
