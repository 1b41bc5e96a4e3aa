/** The measured points of each curve and the line through them, both axes logarithmic. */
import { escapeHtml, svg } from '../evaluate/plots.ts';
import { logTicks } from '../evaluate/ticks.ts';
import type { BenchReport } from './report.ts';

const PANEL = { width: 290, height: 250, left: 48, right: 12, top: 34, bottom: 42 } as const;
const NAMES: Readonly<Record<string, string>> = {
  candidates: 'candidates',
  documentTokens: 'tokens of a document',
  queryTokens: 'tokens of the query',
};
const STYLE =
  '<style>text{font:11px sans-serif;fill:#57606a}.name{font-size:13px;fill:#24292f}.grid{stroke:#d0d7de}' +
  '.law{fill:none;stroke:#8c959f}circle{fill:#0969da}@media(prefers-color-scheme:dark){text{fill:#8d96a0}' +
  '.name{fill:#e6edf3}.grid{stroke:#30363d}circle{fill:#4493f8}}</style>';

interface Measured {
  readonly x: number;
  readonly cpuMs: number;
  readonly lawMs: number;
}

/** An SVG file of the curves that a report has; one without curves gives an empty plot. */
export function growthPlot({ rows }: Pick<BenchReport, 'rows'>): string {
  const curves = [...new Set(rows.flatMap(({ curve }) => (curve === undefined ? [] : [String(curve)])))];
  const panels = curves.map((curve, at) => {
    const points = rows.filter((row) => row['curve'] === curve) as unknown as readonly Measured[];
    return `<g transform="translate(${at * PANEL.width} 0)">${panel(NAMES[curve] ?? curve, points)}</g>`;
  });
  const title = 'Milliseconds of scoring as candidates, documents and queries grow';
  const drawn = svg(title, PANEL.width * curves.length, PANEL.height, STYLE + panels.join(''));
  return `${drawn.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')}\n`;
}

function panel(name: string, points: readonly Measured[]): string {
  const values = points.flatMap(({ cpuMs, lawMs }) => [cpuMs, lawMs]);
  const x = axis(
    points.map((point) => point.x),
    PANEL.left,
    PANEL.width - PANEL.right,
  );
  const y = axis(values, PANEL.height - PANEL.bottom, PANEL.top);
  const grid = y.ticks.map(
    ({ value, at }) =>
      `<line class="grid" x1="${PANEL.left}" x2="${PANEL.width - PANEL.right}" y1="${at}" y2="${at}"/>` +
      `<text x="${PANEL.left - 6}" y="${Number(at) + 4}" text-anchor="end">${value}</text>`,
  );
  const marks = points.map(
    (point) =>
      `<circle cx="${x.at(point.x)}" cy="${y.at(point.cpuMs)}" r="4"><title>${point.x}: ${point.cpuMs} ms</title></circle>` +
      `<text x="${x.at(point.x)}" y="${PANEL.height - PANEL.bottom + 16}" text-anchor="middle">${point.x}</text>`,
  );
  const line = points.map((point) => `${x.at(point.x)},${y.at(point.lawMs)}`).join(' ');
  return (
    `<text class="name" x="${PANEL.left}" y="18">ms by ${escapeHtml(name)}</text>` +
    `${grid.join('')}<polyline class="law" points="${line}"/>${marks.join('')}`
  );
}

/** Logarithmic from a little below the least value to a little above the largest. */
function axis(values: readonly number[], from: number, to: number) {
  const low = Math.log(Math.min(...values) / 1.2);
  const high = Math.log(Math.max(...values) * 1.2);
  const at = (value: number) => (from + ((Math.log(value) - low) / (high - low)) * (to - from)).toFixed(1);
  return { at, ticks: logTicks(Math.exp(low), Math.exp(high)).map((value) => ({ value, at: at(value) })) };
}
