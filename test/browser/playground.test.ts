import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { indices, question, reordered } from './answers.ts';
import { launchChromium, skippedWithoutChromium } from './chromium.ts';
import { type PlaygroundServer, servePlayground } from './playground-server.ts';

/** Opens the page at `address` and collects everything a browser complains about. */
async function open(browser: Browser, address: string, options: Parameters<Browser['newPage']>[0] = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(address).origin) && !request.url().startsWith('data:'))
      complaints.push(request.url());
  });
  await page.goto(address);
  return { page, complaints };
}

const titles = (page: Page, side: 'first' | 'second') => page.locator(`#${side} .title`).allTextContents();
const focused = (page: Page) =>
  page.evaluate('document.activeElement.getAttribute("aria-label") ?? document.activeElement.id');

describe.skipIf(skippedWithoutChromium('The playground'))('The playground', () => {
  let browser: Browser;
  let server: PlaygroundServer;
  let page: Page;
  let complaints: readonly string[];

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    server = await servePlayground({ body: indices }, { body: reordered });
    ({ page, complaints } = await open(browser, server.url));
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const search = async (text = question) => {
    await page.getByLabel('Query').fill(text);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('#compared:visible, #note h2:has-text("Nothing"), #failure:visible').first().waitFor();
  };

  it('offers the indices with their sizes, and waits for a question', async () => {
    await page.getByText('Ask something').waitFor();
    expect(await page.locator('#index option').allTextContents()).toEqual(['docs (3,822)', 'tickets (12)']);
    expect(await focused(page)).toBe('query');
  });

  it('asks for the chosen index, question and size', async () => {
    await page.getByLabel('Index').selectOption('tickets');
    await page.getByLabel('Results').selectOption('20');
    await search();
    expect(server.asked).toEqual([{ index: 'tickets', query: question, size: 20 }]);
  });

  it('shows both orders side by side, with what moved and from where', async () => {
    await search();
    expect(await titles(page, 'first')).toEqual(reordered.firstStage.hits.map(({ source }) => source.title));
    expect(await titles(page, 'second')).toEqual(reordered.reranked.hits.map(({ source }) => source.title));
    expect(await page.locator('#second .moved').allTextContents()).toEqual(['▲ 2', '▲ 12', '▼ 2', '▼ 2']);
    expect(await page.locator('#first .moved').allTextContents()).toEqual(['→ 3', '→ 4', '→ 1', '→ below 4']);
    expect(await page.locator('#lines text').allTextContents()).toEqual(['#14']);
    const [left, right] = await Promise.all(
      ['#first', '#second'].map((list) => page.locator(list).boundingBox()),
    );
    expect(left?.y).toBe(right?.y);
    expect(left!.x + left!.width).toBeLessThan(right!.x);
  });

  it('says what the proxy did and how long each stage took', async () => {
    await search();
    expect(await page.locator('#outcome').textContent()).toBe('reranked');
    expect(await page.locator('#told').textContent()).toMatch(
      /window\s*100\s*scored\s*100\s*model\s*mice-l6\s*took\s*11 ms/,
    );
    expect(await page.locator('#stages .ms').allTextContents()).toEqual([
      '4.2 ms',
      '2.1 ms',
      '1.4 ms',
      '3.9 ms',
      '10.8 ms',
    ]);
    expect(await page.locator('#summary').textContent()).toBe(
      '4 documents moved, 1 came up from below the first 4.',
    );
    expect(await page.getByRole('status').textContent()).toContain('4 results. reranked.');
  });

  it('names the reason where nothing was re-ranked', async () => {
    server.compare = {
      body: {
        ...reordered,
        reranked: { hits: reordered.firstStage.hits },
        verdict: { outcome: 'skipped', reason: 'off' },
        timingsMs: {},
      },
    };
    await search();
    expect(await page.locator('#outcome').textContent()).toBe('skipped');
    expect(await page.locator('#told').textContent()).toMatch(/reason\s*off/);
    expect(await page.locator('#summary').textContent()).toBe('Same order on both sides.');
  });

  it('shows text from an index as text, whatever it holds', async () => {
    const hostile = '<img src=x onerror="document.title=1"><script>document.title=1</script>&amp;';
    const hit = {
      id: hostile,
      index: 'docs',
      score: 1,
      source: { title: hostile, text: `${hostile} passwords` },
    };
    server.compare = {
      body: {
        ...reordered,
        firstStage: { took: 1, hits: [hit] },
        reranked: { hits: [{ ...hit, firstRank: 1 }] },
      },
    };
    await search(`<b>passwords</b> ${hostile}`);
    expect(await titles(page, 'second')).toEqual([hostile]);
    expect(await page.locator('#compared img, #compared script').count()).toBe(0);
    expect(await page.title()).toBe('Playground · mice-bridge');
  });

  it('finds words in documents without a title, and names those without any words by id', async () => {
    const hits = [
      {
        id: 'a',
        index: 'docs',
        score: 2,
        source: { nested: { body: 'words inside an object' }, year: 2001 },
      },
      { id: 'b', index: 'docs', score: null, source: { year: 2002 } },
      { id: 'c', index: 'docs', score: 1 },
    ];
    server.compare = { body: { ...reordered, firstStage: { took: 1, hits }, reranked: { hits } } };
    await search();
    expect(await titles(page, 'first')).toEqual(['words inside an object', 'b', 'c']);
  });

  it('says so when nothing is found', async () => {
    server.compare = { body: { ...reordered, firstStage: { took: 1, hits: [] }, reranked: { hits: [] } } };
    await search();
    expect(await page.locator('#note').textContent()).toContain('No document of docs matches');
  });

  it('shows an error with its hint, and recovers with the next search', async () => {
    server.compare = {
      status: 404,
      body: {
        error: { type: 'mice_index_missing', reason: 'The cluster refused: no such index [docs]' },
        status: 404,
      },
    };
    await search();
    expect(await page.getByRole('alert').textContent()).toContain(
      'no such index [docs] (mice_index_missing)',
    );
    expect(await page.locator('#compared').isVisible()).toBe(false);
    server.compare = { body: reordered };
    await search();
    expect(await page.getByRole('alert').isVisible()).toBe(false);
    expect(await page.locator('#second .hit').count()).toBe(4);
  });

  it('says so when the proxy is gone, or answers something else', async () => {
    server.compare = { status: 502, body: 'Bad gateway' };
    await search();
    expect(await page.getByRole('alert').textContent()).toContain('Bad gateway');
    await server.close();
    await search();
    await page.getByText('The proxy does not answer.').waitFor();
  });

  it('is driven by the keyboard alone', async () => {
    await page.getByText('Ask something').waitFor();
    await page.keyboard.type(question);
    await page.keyboard.press('Enter');
    await page.locator('#compared:visible').waitFor();
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toBe('1. pino: Redaction, up 2 from 3');
    await page.keyboard.press('ArrowLeft');
    expect(await focused(page)).toBe('3. pino: Redaction');
    await page.keyboard.press('ArrowUp');
    expect(await focused(page)).toBe('2. debug: Output streams');
    await page.keyboard.press('Enter');
    expect(await page.locator('#first .hit').nth(1).getAttribute('aria-expanded')).toBe('true');
    await page.keyboard.press('/');
    expect(await focused(page)).toBe('query');
  });

  it('keeps the search in its address, and repeats it from there', async () => {
    await search();
    const address = page.url();
    expect(new URL(address).searchParams.get('q')).toBe(question);
    const again = await open(browser, address);
    await again.page.locator('#second .hit').first().waitFor();
    expect(await again.page.getByLabel('Query').inputValue()).toBe(question);
    await again.page.close();
  });

  it('says so where there is no index yet', async () => {
    server.indices = { body: { indices: [] } };
    await page.reload();
    await page.getByText('No index yet').waitFor();
  });

  it('fits a phone, one order at a time', async () => {
    const phone = await open(browser, `${server.url}?index=docs&q=passwords`, {
      viewport: { width: 360, height: 740 },
    });
    await phone.page.locator('#second .hit').first().waitFor();
    expect(await phone.page.locator('#first').isVisible()).toBe(false);
    await phone.page.getByText('Cluster', { exact: true }).click();
    expect(await phone.page.locator('#first').isVisible()).toBe(true);
    expect(await phone.page.locator('#second').isVisible()).toBe(false);
    const overflow = await phone.page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
    await phone.page.close();
  });

  it.each(['light', 'dark'] as const)('reads well in %s colours', async (colorScheme) => {
    const shown = await open(browser, `${server.url}?index=docs&q=passwords`, { colorScheme });
    await shown.page.locator('#second .hit').first().waitFor();
    expect(await shown.page.evaluate(contrasts)).toEqual([]);
    await shown.page.close();
  });
});

/** Runs in the page: texts whose contrast with what is behind them is under 4.5 (WCAG 2.2, 1.4.3). */
const contrasts = `(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const root = getComputedStyle(document.body).backgroundColor;
  const texts = [...document.querySelectorAll('h1, h2, p, dt, dd, label, .title, .moved, .rank, .id, .score, mark, button, kbd, footer span')];
  return texts.filter((element) => element.offsetParent && element.textContent.trim()).flatMap((element) => {
    let from = element;
    while (from && channels(getComputedStyle(from).backgroundColor)[3] === 0) from = from.parentElement;
    const [light, dark] = [luminance(getComputedStyle(element).color), luminance(from ? getComputedStyle(from).backgroundColor : root)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    return ratio < 4.5 ? [element.className + ' ' + element.textContent.slice(0, 20) + ' ' + ratio.toFixed(2)] : [];
  });
})()`;
