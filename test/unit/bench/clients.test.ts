import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startServer } from '../../../src/bench/child.ts';
import { measureClients } from '../../../src/bench/clients.ts';
import { figuresPage } from '../../../src/bench/figures-page.ts';
import { openStubWindow } from '../../../src/bench/stub-window.ts';
import { openBundle } from '../../../src/model/bundle.ts';
import { tinyBundle } from '../../support/tiny-bundle.ts';

const documents = [
  { id: 'a', text: 'one', fields: { 'mice.states': 'AAAA', 'mice.hash': 'aa' } },
  { id: 'b', text: 'two', fields: { 'mice.states': 'BBBB', 'mice.hash': 'bb' } },
];

it('concurrent clients are answered by a whole proxy, whose event loop is watched', async () => {
  const { signal } = new AbortController();
  const { ratios, rows } = await measureClients({
    ...{ bundle: await openBundle(tinyBundle), candidates: 5, documentTokens: 20 },
    ...{ rounds: 1, forMs: 100, signal, onRound: () => {} },
  });
  expect(rows.map(({ clients }) => clients)).toEqual([1, 4, 16, 64]);
  for (const row of rows) {
    expect(row['searchesPerSecond']).toBeGreaterThan(0);
    expect(row['scoredPerSecond']).toBeGreaterThan(0);
    expect(row['loopLongestMs']).toBeGreaterThanOrEqual(row['loopP99Ms'] as number);
    expect(row['loopBusyMs']).toBeGreaterThan(0);
  }
  expect(ratios['mostClientsVsBest']).toBeGreaterThan(0);
}, 120_000);

it('the stub of a cluster gives the doc values that a search asks for, and no others', () => {
  const search = openStubWindow(documents);
  const hits = (url: string) => JSON.parse(search(url).toString()).hits.hits;
  expect(hits('/window/_search')[0]).not.toHaveProperty('fields');
  const [, second] = hits('/window/_search?size=9&docvalue_fields=other,mice.hash');
  expect(second).toMatchObject({ _id: 'b', _source: { text: 'two' }, fields: { 'mice.hash': ['bb'] } });
  expect(second.fields).not.toHaveProperty('mice.states');
});

it('a server in a process of its own finds the documents of the file it is given', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'window-')), 'window.json');
  writeFileSync(file, JSON.stringify(documents));
  const cluster = await startServer('./stub-cluster', [file]);
  try {
    const answer = await fetch(`${cluster.url}/window/_search`, { method: 'POST', body: '{}' });
    expect(((await answer.json()) as { hits: { max_score: number } }).hits.max_score).toBe(2);
  } finally {
    await cluster.stop();
  }
});

it('the page has a table of what numbers of clients got', () => {
  const machine = { cpu: 'x', cores: 1, memoryGb: 1, node: 'v24', platform: 'linux', load: 0 };
  const rows = [{ what: 'clients', clients: 4, searchesPerSecond: 9, p50Ms: 3 }];
  const page = figuresPage({ rerank: { machine, conditions: {}, ratios: {}, rows } });
  expect(page).toContain('| clients | searchesPerSecond |');
  expect(page).toMatch(/\| 4 \| 9 \|/);
});
