/** An evaluation as one HTML page that loads nothing: tables, plots, and queries to look into. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Evaluation, type ModeRun, summarise } from './evaluation.ts';
import type { IndexKind } from './indices.ts';
import { modes } from './modes.ts';
import { barPlot, escapeHtml } from './plots.ts';
import { chance, columns, differenceCell, settingLine } from './report.ts';
import { scatterPlot } from './scatter.ts';

const element = (tag: string, content: string, attributes = '') =>
  `<${tag}${attributes && ` ${attributes}`}>${content}</${tag}>`;

const row = (cells: readonly string[]) => element('tr', cells.join(''));

function modesTable(runs: readonly ModeRun[]): string {
  const head = ['mode', ...columns.map(([name]) => name)].map((name) =>
    element('th', escapeHtml(name), 'scope="col"'),
  );
  const bodies = runs.map((run) => {
    const cells = columns.map(([, cell]) => element('td', escapeHtml(cell(summarise(run)))));
    return row([element('th', escapeHtml(run.mode), 'scope="row"'), ...cells]);
  });
  return element('table', element('thead', row(head)) + element('tbody', bodies.join('')));
}

/** Every pair as a button that shows its queries. */
function pairsTable({ runs, comparisons }: Evaluation): string {
  const names = runs.map(({ mode }) => mode);
  const cell = (from: string, to: string) => {
    const found = comparisons.find((one) => one.from === from && one.to === to);
    if (found === undefined) return element('td', '');
    const kind = found.pValueHolm >= 0.05 ? 'unsure' : found['ndcg@10'] < 0 ? 'loss' : 'gain';
    const told = `${to} against ${from}: ${chance(found.pValue)}, corrected ${chance(found.pValueHolm)}`;
    const attributes = `type="button" class="${kind}" data-from="${from}" data-to="${to}" title="${escapeHtml(told)}"`;
    return element('td', element('button', differenceCell(found), attributes));
  };
  const head = ['against', ...names.slice(0, -1)].map((name) => element('th', name, 'scope="col"'));
  const bodies = names
    .slice(1)
    .map((to) =>
      row([element('th', to, 'scope="row"'), ...names.slice(0, -1).map((from) => cell(from, to))]),
    );
  return element('table', element('thead', row(head)) + element('tbody', bodies.join('')));
}

const contents: Readonly<Record<IndexKind, string>> = {
  plain: 'title and text',
  enriched: 'title and text, vectors and states',
};

/** A bar for each index, named after what is in it and who searches it. */
function sizesPlot(runs: readonly ModeRun[]): string {
  const kinds = Map.groupBy(runs, ({ mode }) => modes[mode].index);
  const bars = [...kinds].map(([kind, searching]) => {
    const value = searching[0]!.bytesPerDocument;
    const detail = searching.map(({ mode }) => mode).join(', ');
    return { label: contents[kind], detail, value, shown: value.toLocaleString('en-US') };
  });
  return barPlot('Bytes per document', bars);
}

function timesPlot(runs: readonly ModeRun[]): string {
  const points = runs.map((run) => {
    const { latencyMs, ...summary } = summarise(run);
    // The axis is logarithmic, and a time rounds to 0 where the clock is coarse.
    const [p50Ms, p95Ms] = [Math.max(latencyMs.p50, 0.01), Math.max(latencyMs.p95, 0.01)];
    return { label: run.mode, quality: summary['ndcg@10'], p50Ms, p95Ms };
  });
  return scatterPlot('nDCG@10 against the time of a search', points);
}

/** What the page's script works with, as JSON that cannot end the element it stands in. */
function embedded({ runs, queries, comparisons }: Evaluation): string {
  const asked = runs[0]?.rows.map(({ query }) => query) ?? [];
  const ndcg = runs.map(({ mode, rows }) => [mode, rows.map((each) => Number(each['ndcg@10'].toFixed(7)))]);
  const value = {
    modes: runs.map(({ mode }) => mode),
    queries: asked.map((id) => ({ id, text: queries.get(id) ?? '' })),
    ndcg: Object.fromEntries(ndcg),
    chances: comparisons.map(({ from, to, pValue }) => ({ from, to, chance: chance(pValue) })),
  };
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** Allows the page's own style and script and nothing else (CSP level 3, section 2.3.1, hash-source). */
function policyOf(template: string): string {
  const hashOf = (name: string) => {
    const content = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(template)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
  };
  return `default-src 'none'; style-src ${hashOf('style')}; script-src ${hashOf('script')}; img-src data:`;
}

/** The page of an evaluation with one mode or more. */
export function reportHtml(evaluation: Evaluation): string {
  const { data, runs, notes } = evaluation;
  const template = readFileSync(new URL('./report-page.html', import.meta.url), 'utf8');
  const parts: Readonly<Record<string, string>> = {
    policy: policyOf(template),
    data: escapeHtml(data),
    setting: escapeHtml(settingLine(evaluation)),
    notes: notes.map((note) => element('li', escapeHtml(note))).join(''),
    modes: modesTable(runs),
    times: timesPlot(runs),
    sizes: sizesPlot(runs),
    pairs: pairsTable(evaluation),
    embedded: embedded(evaluation),
  };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name] ?? '');
}
