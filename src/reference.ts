/** Files of the repository that are made from declarations in the code: templates and reference pages. */
import { readFile } from 'node:fs/promises';
import { figuresPage, growthIn, growthPath } from './bench/figures-page.ts';
import { growthPlot } from './bench/growth-plot.ts';
import type { BenchReport } from './bench/report.ts';
import { configurationReference } from './config/reference.ts';
import { dialects } from './engine/connect.ts';
import { faults } from './errors.ts';
import { defaultBundleDirectory, openBundle } from './model/bundle.ts';
import { openMetrics } from './observe/metrics.ts';
import { controls } from './proxy/controls.ts';
import { degradeReasons, firstStageReasons, skipReasons } from './proxy/verdicts.ts';

/** Path → content, for the bundle in the package and the default names. */
export async function generatedFiles(): Promise<Readonly<Record<string, string>>> {
  const { dims } = await openBundle(defaultBundleDirectory());
  const templates = Object.values(dialects).flatMap((dialect) => [
    [`mappings/${dialect.name}.json`, json(dialect.indexBody({ object: 'mice', vectorDims: dims.vector }))],
    ...Object.entries(dialect.pipelines()).map(([name, body]) => [
      `pipelines/${dialect.name}/${name}.json`,
      json(body),
    ]),
  ]);
  const measured: Record<string, BenchReport> = {};
  for (const name of ['rerank', 'rerank-without-vnni', 'encode']) measured[name] = await report(name);
  const plots = Object.entries(measured)
    .filter(([, one]) => growthIn(one).length > 0)
    .map(([name, one]) => [`docs/${growthPath(name)}`, growthPlot(one)]);
  return {
    ...Object.fromEntries([...templates, ...plots]),
    'docs/performance-measured.md': figuresPage(measured),
    'docs/configuration.md': configurationReference(),
    'docs/errors.md': errorReference(),
    'docs/verdicts.md': verdictReference(),
    'docs/metrics.md': metricReference(),
  };
}

/** What `mice bench NAME` measured last for the documentation. */
async function report(name: string): Promise<BenchReport> {
  const file = new URL(`../docs/performance/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')) as BenchReport;
}

function metricReference(): string {
  const rows = openMetrics()
    .describe()
    .map(({ name, help, labels }) => {
      const shown = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\` | ${help} | ${shown} |`;
    });
  return `# Metrics

Made from \`src/observe/metrics.ts\` by \`npm run docs\`. \`GET /_mice/metrics\` gives them for Prometheus, beside those of the Node.js process. The labels \`outcome\` and \`reason\` hold the words of [verdicts](verdicts.md), \`code\` those of [faults](errors.md).

| metric | what it says | labels |
|---|---|---|
${rows.join('\n')}
`;
}

function errorReference(): string {
  const rows = Object.entries(faults).map(
    ([code, { meaning, status, exit }]) => `| \`${code}\` | ${meaning} | ${status} | ${exit} |`,
  );
  return `# Faults

Made from \`src/errors.ts\` by \`npm run docs\`. The code is the same in messages, logs and metrics; over HTTP it is \`error.type\` with the prefix \`mice_\`. The exit code is that of a command which ends with the fault.

| code | meaning | HTTP status | exit code |
|---|---|---|---|
${rows.join('\n')}
`;
}

function verdictReference(): string {
  const table = (reasons: Readonly<Record<string, string>>) =>
    Object.entries(reasons)
      .map(([reason, meaning]) => `| \`${reason}\` | ${meaning} |`)
      .join('\n');
  const rows = controls.map(
    ({ header, name, accepts }) => `| \`${header}\` | \`ext.mice.${name}\` | ${accepts} |`,
  );
  return `# Verdicts and controls

Made from \`src/proxy/verdicts.ts\` and \`src/proxy/controls.ts\` by \`npm run docs\`.

Every answer to a search carries the header \`x-mice\`:

- \`reranked; window=100; scored=100; model=…; took=12\`: the first \`window\` hits were re-ranked, \`scored\` of them have a score of the model. \`passages=…\` follows where [long documents](passages.md) have more than one, \`truncated=…\` where some go on behind what was read. A \`reason\` may say why some have none.
- \`skipped; reason=…\`: the answer is the cluster's, untouched; with \`first-stage=\` as below, in the order of that.
- \`degraded; reason=…; …\`: re-ranking was wanted and did not, or not wholly, happen; hits without a score follow in the order of the cluster.
- \`shadow; window=100; scored=0; …\`: the answer is in the cluster's order, and scored afterwards: what re-ranking would change is logged, and measured in \`mice_shadow_overlap\`, \`mice_shadow_kendall_tau\` and, by \`shadow.judgements\`, \`mice_shadow_ndcg10\`. With \`x-mice-explain\` the answer waits for it: \`…; overlap=0.80; tau=0.512\`.

Where [another first stage](vectors.md) than the search itself was wanted, \`first-stage=hybrid\` (or \`vector\`) follows, or \`first-stage=as-sent; first-stage-reason=…\`.

A request with several searches has their verdicts in order, separated by commas; of more than 16, only how many there are of each kind: \`several; searches=20; reranked=18; degraded=0; shadow=0; skipped=2\`.

## Skipped

| reason | meaning |
|---|---|
${table(skipReasons)}

## Degraded

| reason | meaning |
|---|---|
${table(degradeReasons)}

## First stage

| reason | meaning |
|---|---|
${table(firstStageReasons)}

## Controls of a search

By header, or in the body under \`ext.mice\`; both are taken out before the cluster sees the request. Headers win.

| header | body | accepted |
|---|---|---|
${rows.join('\n')}
`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
