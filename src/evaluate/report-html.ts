/** An evaluation as one HTML page that needs nothing else: table, plots, notes. */
import { compareModes, type Evaluation, type ModeRun, summarise } from './evaluation.ts';
import { type Bar, barPlot, escapeHtml, gainPlot } from './plots.ts';
import { columns, comparisonLine, headline } from './report.ts';

const style = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 720px; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
table { border-collapse: collapse } th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left } figure { margin: 1.5rem 0 } figcaption { font-weight: 600 }
svg { max-width: 100%; height: auto; font-size: 13px } .bar { fill: #4a7 } .gain { fill: #4a7 } .loss { fill: #c54 } line { stroke: #222 }`;

function tableOf(runs: readonly ModeRun[]): string {
  const cells = (tag: string, texts: readonly string[]) =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  const head = cells('th', ['mode', ...columns.map(([name]) => name)]);
  const rows = runs.map((run) => cells('td', [run.mode, ...columns.map(([, cell]) => cell(summarise(run)))]));
  return `<table>${head}${rows.join('')}</table>`;
}

function bars(runs: readonly ModeRun[], value: (run: ModeRun) => number, digits: number): readonly Bar[] {
  return runs.map((run) => ({ label: run.mode, value: value(run), shown: value(run).toFixed(digits) }));
}

/** What each query gained in `other` over `first`, both asked the same queries in the same order. */
function gainsOver(first: ModeRun, other: ModeRun): string {
  const gains = other.rows.map((row, at) => row['ndcg@10'] - first.rows[at]!['ndcg@10']);
  return gainPlot(`${other.mode} against ${first.mode}: nDCG@10 gained or lost, query by query`, gains);
}

/** The page; it loads nothing and runs no script. */
export function reportHtml(evaluation: Evaluation): string {
  const { data, runs, notes } = evaluation;
  const [first, ...others] = runs;
  const plots = [
    barPlot(
      'nDCG@10',
      bars(runs, (run) => summarise(run)['ndcg@10'], 4),
    ),
    barPlot(
      'Median time of a search, ms',
      bars(runs, (run) => summarise(run).latencyMs.p50, 1),
    ),
    ...(first === undefined ? [] : others.map((other) => gainsOver(first, other))),
  ];
  const lines = [...compareModes(runs).map(comparisonLine), ...notes];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(data)}</title><style>${style}</style></head>
<body><h1>${escapeHtml(data)}</h1><p>${escapeHtml(headline(evaluation))}</p>
${tableOf(runs)}
<ul>${lines.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>
${plots.join('\n')}
</body></html>
`;
}
