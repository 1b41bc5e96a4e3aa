/** Files of the repository that are made from declarations in the code: templates and reference pages. */
import { configurationReference } from './config/reference.ts';
import { dialects } from './engine/connect.ts';
import { faults } from './errors.ts';
import { defaultBundleDirectory, openBundle } from './model/bundle.ts';
import { controls } from './proxy/controls.ts';
import { degradeReasons, skipReasons } from './proxy/verdicts.ts';

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
  return {
    ...Object.fromEntries(templates),
    'docs/configuration.md': configurationReference(),
    'docs/errors.md': errorReference(),
    'docs/verdicts.md': verdictReference(),
  };
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

- \`reranked; window=100; scored=100; model=…; took=12\`: the first \`window\` hits were re-ranked, \`scored\` of them have a score of the model. A \`reason\` may say why some have none.
- \`skipped; reason=…\`: the answer is the cluster's, untouched.
- \`degraded; reason=…; …\`: re-ranking was wanted and did not, or not wholly, happen; hits without a score follow in the order of the cluster.

## Skipped

| reason | meaning |
|---|---|
${table(skipReasons)}

## Degraded

| reason | meaning |
|---|---|
${table(degradeReasons)}

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
