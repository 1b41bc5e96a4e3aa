/** Plots of an evaluation as SVG, drawn without a library and without scripts. */

const WIDTH = 640;
const LABEL_WIDTH = 130;
const ROW_HEIGHT = 26;

export const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** How the value is written beside its bar. */
  readonly shown: string;
}

/** Horizontal bars from 0 to the largest value. */
export function barPlot(title: string, bars: readonly Bar[]): string {
  const largest = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const rows = bars.map(({ label, value, shown }, at) => {
    const y = at * ROW_HEIGHT;
    const width = ((WIDTH - LABEL_WIDTH - 90) * value) / largest;
    return (
      `<text x="${LABEL_WIDTH - 8}" y="${y + 17}" text-anchor="end">${escapeHtml(label)}</text>` +
      `<rect x="${LABEL_WIDTH}" y="${y + 4}" width="${width.toFixed(1)}" height="18" class="bar"/>` +
      `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 17}">${escapeHtml(shown)}</text>`
    );
  });
  return svg(title, bars.length * ROW_HEIGHT + 4, rows.join(''));
}

/**
 * What every query gained or lost, sorted: one column per query, above the line a gain.
 *
 * @param differences -1 to 1, in any order
 */
export function gainPlot(title: string, differences: readonly number[]): string {
  const half = 80;
  const sorted = [...differences].sort((a, b) => b - a);
  const step = WIDTH / Math.max(sorted.length, 1);
  const columns = sorted.map((gain, at) => {
    const height = Math.abs(gain) * half;
    const y = gain > 0 ? half - height : half;
    const place = `x="${(at * step).toFixed(2)}" y="${y.toFixed(2)}"`;
    const size = `width="${Math.max(step - 0.5, 0.5).toFixed(2)}" height="${height.toFixed(2)}"`;
    return `<rect ${place} ${size} class="${gain > 0 ? 'gain' : 'loss'}"/>`;
  });
  const line = `<line x1="0" x2="${WIDTH}" y1="${half}" y2="${half}"/>`;
  return svg(title, 2 * half, columns.join('') + line);
}

function svg(title: string, height: number, content: string): string {
  const name = escapeHtml(title);
  return (
    `<figure><figcaption>${name}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img" aria-label="${name}">${content}</svg></figure>`
  );
}
