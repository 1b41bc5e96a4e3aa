/** Quality against time: a point for every mode, and the line of those that no other beats in both. */
import { placeLabels } from './labels.ts';
import { escapeHtml, svg } from './plots.ts';
import { linearTicks, logTicks } from './ticks.ts';

export interface Point {
  readonly label: string;
  /** Above 0. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly quality: number;
}

const FRAME = { left: 72, right: 552, top: 14, bottom: 300 } as const;
const [WIDTH, HEIGHT] = [580, 350];

/** Points that no other is both at least as fast and at least as good as, by rising time. */
export function frontier(points: readonly Point[]): readonly Point[] {
  const beats = (other: Point, point: Point) =>
    other.p50Ms <= point.p50Ms &&
    other.quality >= point.quality &&
    (other.p50Ms < point.p50Ms || other.quality > point.quality);
  return points
    .filter((point) => !points.some((other) => beats(other, point)))
    .sort((a, b) => a.p50Ms - b.p50Ms);
}

/** A logarithmic axis with a little room at both ends. */
function timeAxis(points: readonly Point[]) {
  const low = Math.log(Math.min(...points.map(({ p50Ms }) => p50Ms)) / 1.4);
  const high = Math.log(Math.max(...points.map(({ p95Ms }) => p95Ms)) * 1.4);
  const x = (ms: number) => FRAME.left + ((Math.log(ms) - low) / (high - low)) * (FRAME.right - FRAME.left);
  return { x, ticks: logTicks(Math.exp(low), Math.exp(high)) };
}

/** A linear axis around the values, so that it need not begin at 0. */
function qualityAxis(points: readonly Point[]) {
  const values = points.map(({ quality }) => quality);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((most - least) * 0.15, 0.005);
  const [low, high] = [Math.max(0, least - room), Math.min(1, most + room)];
  const y = (quality: number) => FRAME.bottom - ((quality - low) / (high - low)) * (FRAME.bottom - FRAME.top);
  return { y, ticks: linearTicks(low, high) };
}

const at = (value: number) => value.toFixed(1);

/** @param points at least one */
export function scatterPlot(title: string, points: readonly Point[]): string {
  const { x, ticks: times } = timeAxis(points);
  const { y, ticks: qualities } = qualityAxis(points);
  const best = frontier(points);
  const grid = [
    ...times.map(
      (ms) =>
        `<line x1="${at(x(ms))}" x2="${at(x(ms))}" y1="${FRAME.top}" y2="${FRAME.bottom}" class="grid"/>` +
        `<text x="${at(x(ms))}" y="${FRAME.bottom + 20}" text-anchor="middle" class="soft">${ms}</text>`,
    ),
    ...qualities.map(
      (value) =>
        `<line x1="${FRAME.left}" x2="${FRAME.right}" y1="${at(y(value))}" y2="${at(y(value))}" class="grid"/>` +
        `<text x="${FRAME.left - 8}" y="${at(y(value) + 4)}" text-anchor="end" class="soft">${value.toFixed(3)}</text>`,
    ),
    `<text x="${(FRAME.left + FRAME.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle" class="soft">time of a search, ms: point p50, line to p95 (logarithmic)</text>`,
    `<text x="12" y="${(FRAME.top + FRAME.bottom) / 2}" text-anchor="middle" class="soft" transform="rotate(-90 12 ${(FRAME.top + FRAME.bottom) / 2})">nDCG@10</text>`,
  ];
  const line = best.map(({ p50Ms, quality }) => `${at(x(p50Ms))},${at(y(quality))}`).join(' ');
  const spots = points.map((point) => ({ x: x(point.p50Ms), y: y(point.quality), label: point.label }));
  const labels = placeLabels(spots, FRAME);
  const marks = points.map((point, each) => {
    const { x: px, y: py } = spots[each]!;
    const { x: lx, y: ly } = labels[each]!;
    const kind = best.includes(point) ? 'point best' : 'point';
    const told = `${point.label}: nDCG@10 ${point.quality.toFixed(4)}, p50 ${point.p50Ms.toFixed(1)} ms, p95 ${point.p95Ms.toFixed(1)} ms`;
    return (
      `<g class="${kind}"><title>${escapeHtml(told)}</title>` +
      `<line x1="${at(px)}" x2="${at(x(point.p95Ms))}" y1="${at(py)}" y2="${at(py)}"/>` +
      `<circle cx="${at(px)}" cy="${at(py)}" r="6"/>` +
      `<text x="${at(lx)}" y="${at(ly)}">${escapeHtml(point.label)}</text></g>`
    );
  });
  return svg(
    title,
    WIDTH,
    HEIGHT,
    `${grid.join('')}<polyline points="${line}" class="frontier"/>${marks.join('')}`,
  );
}
