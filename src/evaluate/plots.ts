/** Plots of an evaluation as SVG, drawn without a library and without scripts; colours come from the page's style. */

export const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);

export function svg(title: string, width: number, height: number, content: string): string {
  const name = escapeHtml(title);
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}">${content}</svg>`;
}

export interface Bar {
  readonly label: string;
  /** A second line under the label. */
  readonly detail: string;
  /** 0 or more. */
  readonly value: number;
  /** How the value is written beside its bar. */
  readonly shown: string;
}

const BAR_WIDTH = 440;
const BAR_ROW = 80;
/** Room for the written value behind the longest bar. */
const VALUE_WIDTH = 80;

/** Horizontal bars from 0 to the largest value, each under its lines. */
export function barPlot(title: string, bars: readonly Bar[]): string {
  const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ label, detail, value, shown }, at) => {
    const y = at * BAR_ROW;
    const width = ((BAR_WIDTH - VALUE_WIDTH) * value) / largest;
    return (
      `<text x="0" y="${y + 14}">${escapeHtml(label)}</text>` +
      `<text x="0" y="${y + 31}" class="soft">${escapeHtml(detail)}</text>` +
      `<rect x="0" y="${y + 40}" width="${width.toFixed(1)}" height="16" rx="3" class="bar"/>` +
      `<text x="${(width + 8).toFixed(1)}" y="${y + 53}">${escapeHtml(shown)}</text>`
    );
  });
  return svg(title, BAR_WIDTH, bars.length * BAR_ROW, rows.join(''));
}
