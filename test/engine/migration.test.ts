import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultBundleDirectory, openBundle } from '../../src/model/bundle.ts';
import { describeOnEngines } from '../support/engines.ts';
import { bulkLines, passages, search } from '../support/passages.ts';
import { raw } from '../support/proxy.ts';
import { tinyBundle } from '../support/tiny-bundle.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const exec = promisify(execFile);

/** The blocks of one language under a heading of the page. */
function blocksUnder(heading: string, language: string): string[] {
  const page = readFileSync(`${root}docs/migration.md`, 'utf8');
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, name, block]) =>
    name === language ? [block!] : [],
  );
}

describeOnEngines('moving from one bundle to another, by the commands of docs/migration.md', (engine) => {
  const articles = engine.freshIndex('moved');
  const others = engine.freshIndex('others');
  const file = join(mkdtempSync(join(tmpdir(), 'mice-migration-')), 'mice.yaml');
  const [first] = blocksUnder('Beside the first', 'yaml') as [string];
  const [rule] = blocksUnder('Switch', 'yaml') as [string];
  let serving: ChildProcess | undefined;
  let url = '';
  /** What `x-mice` names them by. */
  const models = { old: '', next: '' };

  /** A block as it stands but for names and addresses, which are this test's own. */
  const here = (block: string) =>
    block
      .replaceAll('npx mice', `'${process.execPath}' bin/mice.mjs`)
      .replaceAll('mice.yaml', file)
      .replaceAll('$MICE_PID', String(serving?.pid))
      .replaceAll('/srv/bundles/next', tinyBundle)
      .replaceAll('articles', articles);
  const shell = async (script: string) =>
    (await exec('sh', ['-euc', here(script)], { cwd: root, maxBuffer: 1 << 24 })).stdout;
  const configure = (...yaml: string[]) =>
    writeFileSync(file, [`upstream:\n  url: ${engine.url}\n`, ...yaml.map(here)].join(''));

  async function found(index = articles) {
    const { text, headers } = await raw(url, `/${index}/_search`, {
      body: JSON.stringify(search),
      headers: { 'x-mice-explain': 'true', 'x-mice-deadline': '100000' },
    });
    const { mice } = JSON.parse(text) as {
      mice: { hits: { _index: string; states: string; score: number | null }[] };
    };
    const states = (of: string) => [
      ...new Set(mice.hits.filter(({ _index }) => _index === of).map((hit) => hit.states)),
    ];
    return {
      verdict: headers['x-mice']!,
      states: states(articles),
      statesOfOthers: states(others),
      scored: mice.hits.every(({ score }) => score !== null),
      hits: mice.hits.length,
    };
  }

  async function switchTo(model: string, ...yaml: string[]): Promise<void> {
    configure(...yaml);
    const [signal] = blocksUnder('Switch', 'sh') as [string];
    await shell(signal);
    await expect.poll(async () => (await found()).verdict, { timeout: 60_000 }).toContain(`model=${model}`);
  }

  const verified = async (more: string) =>
    (await shell(`npx mice backfill articles --verify --config mice.yaml ${more} || true`)).trim();

  beforeAll(async () => {
    const opened = await Promise.all([openBundle(defaultBundleDirectory()), openBundle(tinyBundle)]);
    [models.old, models.next] = opened.map(({ model }) => model) as [string, string];
    configure(first);
    const command = here('exec npx mice serve --config mice.yaml --listen-port 0 --json --log-level warn');
    serving = spawn('sh', ['-euc', command], { cwd: root });
    let printed = '';
    for await (const chunk of serving.stdout!) {
      printed += chunk;
      if (/^\}$/m.test(printed)) break;
    }
    url = JSON.parse(printed).url;
    for (const index of [articles, others]) {
      await shell(`npx mice setup ${index} --config mice.yaml`);
      await raw(url, `/${index}/_bulk?refresh=true`, {
        body: bulkLines(index),
        headers: { 'content-type': 'application/x-ndjson' },
      });
    }
  });

  afterAll(async () => {
    serving?.kill('SIGTERM');
    await new Promise((resolve) => serving?.once('exit', resolve));
  });

  it('makes the new fields while the first bundle serves, and leaves its own as they are', {
    timeout: 600_000,
  }, async () => {
    const [commands] = blocksUnder('Beside the first', 'sh') as [string];
    const printed = await shell(commands);
    expect(printed).toContain(`${passages.length} written`);
    expect(printed).toContain(`${passages.length} documents, ${passages.length} fresh`);
    expect(await verified('')).toContain(`${passages.length} fresh`);
    await expect(found()).resolves.toMatchObject({
      verdict: expect.stringContaining(`model=${models.old}`),
      states: ['fresh'],
    });
  });

  it('gives what is written meanwhile the fields of both', { timeout: 600_000 }, async () => {
    const body = JSON.stringify({ title: 'Moving ice', text: 'How glaciers move, how fast, and why.' });
    await raw(url, `/${articles}/_doc/new?refresh=true`, { method: 'PUT', body });
    await raw(url, `/${articles}/_update/move?refresh=true`, { body: '{"doc":{"n":1}}' });
    for (const more of ['', '--bundle next'])
      expect(await verified(more)).toContain(`${passages.length + 1} fresh`);
  });

  it('switches without a restart, and back', async () => {
    await switchTo(models.next, first, rule);
    expect(await found()).toMatchObject({ states: ['fresh'], scored: true });
    await switchTo(models.old, first);
    expect(await found()).toMatchObject({ states: ['fresh'], scored: true });
    await switchTo(models.next, first, rule);
  });

  it('answers a search over indices of different bundles with one of them', async () => {
    const both = await found(`${articles},${others}`);
    expect(both).toMatchObject({ verdict: expect.stringContaining(`model=${models.old}`), scored: true });
    expect(both.states).toEqual(['fresh']);
    expect(both.statesOfOthers).toEqual(['fresh']);
  });

  it('drops the old fields and nothing else, and reads on sight where the old bundle is asked again', {
    timeout: 600_000,
  }, async () => {
    const [commands] = blocksUnder('Drop', 'sh') as [string];
    const documents = passages.length + 1;
    const printed = await shell(commands);
    expect(printed).toContain(`would drop mice of ${documents} documents`);
    expect(printed).toContain(`dropped mice of ${documents} documents; 0 left`);
    expect(await verified('--bundle next')).toContain(`${documents} fresh`);
    expect(await found()).toMatchObject({ states: ['fresh'], scored: true });
    const both = await found(`${articles},${others}`);
    expect(both).toMatchObject({
      verdict: expect.stringContaining(`model=${models.old}`),
      ...{ scored: true, states: ['missing'], statesOfOthers: ['fresh'] },
    });
    const { text } = await raw(engine.url, `/${articles}/_search?size=100`);
    expect(text).not.toContain(models.old);
  });

  it('refuses to drop the fields that searches are answered with', async () => {
    const refused = shell('npx mice setup articles --bundle next --drop --config mice.yaml');
    await expect(refused).rejects.toThrow(/is served|are answered with the bundle next/);
  });
});
