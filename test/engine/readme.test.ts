import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnEngines } from '../support/engines.ts';
import { raw } from '../support/proxy.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** The shell blocks under a heading of the README. */
function blocksUnder(heading: string): string[] {
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const section = readme.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!);
}

describeOnEngines("the README's commands", (engine) => {
  const index = engine.freshIndex('articles');
  const [start, use] = blocksUnder('In front of your cluster') as [string, string];
  let serving: ChildProcess | undefined;
  let proxyUrl = '';

  /** The block as it stands but for names and addresses, which are this test's own. */
  const here = (block: string) =>
    block
      .replaceAll('npx mice', `'${process.execPath}' bin/mice.mjs`)
      .replaceAll('http://127.0.0.1:9200', engine.url)
      .replaceAll('http://127.0.0.1:9201', proxyUrl)
      .replaceAll('articles', index);
  const shell = (script: string) => run('sh', ['-euc', script], { cwd: root });

  beforeAll(async () => {
    const [setup, serve] = start.trim().split('\n') as [string, string];
    expect((await shell(here(setup))).stdout).toContain(`did create index ${index}`);
    serving = spawn(
      'sh',
      [
        '-euc',
        `exec ${here(serve).replace('--listen-port 9201', '--listen-port 0')} --json --log-level warn`,
      ],
      { cwd: root },
    );
    let printed = '';
    for await (const chunk of serving.stdout!) {
      printed += chunk;
      if (/^\}$/m.test(printed)) break;
    }
    proxyUrl = JSON.parse(printed).url;
  });

  afterAll(async () => {
    serving?.kill('SIGTERM');
    await new Promise((resolve) => serving?.once('exit', resolve));
  });

  it('set up an index, write through the proxy, and find what answers the question first', async () => {
    const { stdout } = await shell(here(use));
    expect(stdout).toContain('"errors":false');
    expect(stdout).toMatch(/"_id":"1".*"_id":"2"/);
    expect(stdout).toMatch(/reranked; window=2; scored=2/);
    expect((await raw(proxyUrl, '/_mice/ready')).status).toBe(200);
  });
});
