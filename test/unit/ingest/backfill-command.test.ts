import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeEngine, startFakeEngine } from '../../support/fake-engine.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const DOCUMENTS = 300;

let fake: FakeEngine;
beforeAll(async () => {
  fake = await startFakeEngine(['articles']);
  for (let at = 0; at < DOCUMENTS; at++) fake.put('articles', `d${at}`, { text: `text ${at}`, n: at });
});
afterAll(() => fake.close());

function mice(...args: readonly string[]): ChildProcess {
  const common = ['--upstream-url', fake.url, '--model-bundle', tinyBundle, '--lease', '1', '--json'];
  const flags = ['--disable-warning=ExperimentalWarning', main, 'backfill', 'articles'];
  return spawn(process.execPath, [...flags, ...common, '--model-threads', '1', ...args]);
}

async function ended(child: ChildProcess): Promise<{ code: number | null; result: unknown }> {
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, result: text === '' ? undefined : JSON.parse(text) };
}

it('mice backfill, killed without a word and started again, leaves every document once and fresh', async () => {
  const killed = mice('--parallel', '1');
  let batches = 0;
  fake.intercept = ({ path }) => {
    if (path === '/_bulk' && ++batches === 2) killed.kill('SIGKILL');
    return undefined;
  };
  expect(await ended(killed)).toEqual({ code: null, result: undefined });
  fake.intercept = () => undefined;
  const fresh = [...fake.indices.get('articles')!.values()].filter(({ states }) => states).length;
  expect(fresh).toBeGreaterThan(0);
  expect(fresh).toBeLessThan(DOCUMENTS);
  expect((await ended(mice('--verify'))).code).toBe(1);
  const { code, result } = await ended(mice());
  expect(code).toBe(0);
  expect(result).toMatchObject([
    { index: 'articles', scanned: DOCUMENTS, fresh, written: DOCUMENTS - fresh },
  ]);
  expect(await ended(mice('--verify'))).toMatchObject({
    code: 0,
    result: [{ fresh: DOCUMENTS, missing: 0 }],
  });
  expect([...fake.indices.get('articles')!.values()].map(({ source }) => source['n'])).toHaveLength(
    DOCUMENTS,
  );
}, 300_000);
