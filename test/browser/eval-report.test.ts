import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BM25 } from '../../src/evaluate/bm25.ts';
import { compareModes, type ModeRun } from '../../src/evaluate/evaluation.ts';
import { reportHtml } from '../../src/evaluate/report-html.ts';
import { directoryOf } from '../unit/evaluate/collection.ts';
import { launchChromium, skippedWithoutChromium } from './chromium.ts';

const texts = ['why does the sea rise', 'how do <b>bees</b> talk', 'what ferments dough', 'who moves ice'];
const queries = new Map(texts.map((text, at) => [`q${at}`, text]));

const run = (mode: ModeRun['mode'], ndcg: readonly number[], latencyMs: number): ModeRun => ({
  mode,
  bytesPerDocument: mode === 'bm25' ? 800 : 9000,
  rows: ndcg.map((value, at) => ({
    query: `q${at}`,
    ...{ 'ndcg@10': value, 'mrr@10': value, 'recall@100': 1, latencyMs },
  })),
});

const runs = [
  run('bm25', [0.25, 0.5, 0.75, 0.5], 4),
  run('vector', [0.5, 0.5, 0.25, 0.5], 9),
  run('mice', [1, 0.75, 0.5, 0.5], 40),
];

const html = () =>
  reportHtml({
    data: 'tides',
    documents: 1400,
    engine: { name: 'opensearch', version: '3.6.0' },
    bundle: 'mice-small',
    bm25: { ...BM25, analyzer: 'english' },
    window: 100,
    concurrency: 1,
    notes: [],
    queries,
    runs,
    comparisons: compareModes(runs),
  });

describe.skipIf(skippedWithoutChromium('The page of an evaluation'))('The page of an evaluation', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  /** Opens the page as a file, and collects what a browser complains about or loads. */
  async function open(options: Parameters<Browser['newPage']>[0] = {}) {
    const path = join(await directoryOf({}), 'report.html');
    await writeFile(path, html());
    const page = await browser.newPage(options);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => void complaints.push(message.text()));
    page.on('request', (request) => {
      if (request.url() !== pathToFileURL(path).href && request.url() !== 'data:,')
        complaints.push(request.url());
    });
    await page.goto(pathToFileURL(path).href);
    return { page, complaints };
  }

  const items = (page: Page, list: string) => page.locator(`#${list} li`).allInnerTexts();
  const told = (page: Page) => page.locator('#told span, #told b').allInnerTexts();

  it('shows what mice won and lost against the first mode, and loads nothing', async () => {
    const { page, complaints } = await open();
    expect(await told(page)).toEqual([
      '2 better',
      '1 worse',
      '1 equal',
      'mean +0.1875',
      expect.stringMatching(/^p = /),
    ]);
    expect((await items(page, 'won'))[0]).toMatch(/\+0\.750\s+why does the sea rise\s+q0 · 0\.250 → 1\.000/);
    expect(await items(page, 'won')).toHaveLength(2);
    expect((await items(page, 'lost'))[0]).toMatch(/−0\.250\s+what ferments dough/);
    expect(complaints).toEqual([]);
  });

  it('shows the text of a query as text', async () => {
    const { page } = await open();
    expect((await items(page, 'won'))[1]).toContain('how do <b>bees</b> talk');
  });

  it('compares the modes that are chosen, by list, by swapping and by the table of differences', async () => {
    const { page } = await open();
    await page.locator('#to').selectOption('vector');
    expect(await told(page)).toContain('mean −0.0625');
    await page.locator('#swap').click();
    expect(await told(page)).toContain('mean +0.0625');
    await page.locator('#pairs button[data-from="vector"][data-to="mice"]').click();
    expect(await page.locator('#from').inputValue()).toBe('vector');
    expect(await told(page)).toContain('mean +0.2500');
    expect(await page.locator('#pairs button[aria-pressed="true"]').count()).toBe(1);
  });

  it('finds queries by their words', async () => {
    const { page } = await open();
    await page.locator('#find').fill('ICE who');
    expect((await told(page)).slice(0, 3)).toEqual(['0 better', '0 worse', '1 equal']);
    await page.locator('#find').fill('nothing like it');
    expect(await page.locator('#here').innerText()).toBe('No query has these words.');
  });

  it('moves through the queries with the arrow keys and by pointing', async () => {
    const { page } = await open();
    const here = () => page.locator('#here').innerText();
    expect(await here()).toContain('why does the sea rise');
    await page.locator('#curve').press('ArrowRight');
    expect(await here()).toContain('bees');
    await page.locator('#curve').press('End');
    expect(await here()).toContain('what ferments dough');
    const { x, y, width, height } = (await page.locator('#curve').boundingBox())!;
    await page.mouse.move(x + width * 0.3, y + height / 2);
    expect(await here()).toContain('bees');
  });

  it.each(['light', 'dark'] as const)(
    'is readable on a %s screen: text contrasts with what is behind it',
    async (colorScheme) => {
      const { page } = await open({ colorScheme });
      const pairs = (await page.evaluate(`(() => {
      const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
          const color = getComputedStyle(at).backgroundColor;
          if (color !== 'rgba(0, 0, 0, 0)') return color;
        }
      };
      return [...document.querySelectorAll('h1, h2, p, td, th, button, li b, li small')]
        .filter((element) => element.textContent && element.checkVisibility())
        .map((element) => [getComputedStyle(element).color, behind(element)]);
    })()`)) as [string, string][];
      for (const [text, background] of pairs)
        expect(contrast(text, background), `${text} on ${background}`).toBeGreaterThan(4.5);
    },
  );
});

/** WCAG 2.2, contrast ratio of two `rgb(…)` colours. */
function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(color: string): number {
  const [r, g, b] = color.match(/[\d.]+/g)!.map((part) => {
    const share = Number(part) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}
