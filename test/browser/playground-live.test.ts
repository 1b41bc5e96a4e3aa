import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setupIndex } from '../../src/ingest/setup.ts';
import { sharedEngine } from '../support/engines.ts';
import { bulkLines, passages, question } from '../support/passages.ts';
import { proxyBefore, raw } from '../support/proxy.ts';
import { launchChromium, skippedWithoutChromium } from './chromium.ts';

describe.skipIf(skippedWithoutChromium('The playground on a real engine'))(
  'The playground of a running proxy',
  () => {
    const engine = sharedEngine('opensearch');
    const proxy = proxyBefore(engine);
    const index = engine.freshIndex('playground');
    let browser: Browser;

    beforeAll(async () => {
      const { dims } = proxy.server.services.model.bundle;
      await setupIndex(proxy.engine, index, { object: 'mice', vectorDims: dims.vector });
      const headers = { 'content-type': 'application/x-ndjson' };
      await raw(proxy.url, '/_bulk?refresh=true', { body: bulkLines(index), headers });
      browser = await launchChromium();
    });
    afterAll(() => browser?.close());

    it('compares the cluster with the proxy on a real index', async () => {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      await page.goto(`${proxy.url}/_mice`);
      await page.locator(`#index option[value="${index}"]`).waitFor({ state: 'attached' });
      await page.getByLabel('Index').selectOption(index);
      await page.getByLabel('Query').fill(question);
      await page.keyboard.press('Enter');
      await page.locator('#second .hit').first().waitFor();

      const ids = (side: string) => page.locator(`#${side} .id`).allTextContents();
      const known = passages.map(({ id }) => id as string);
      expect(await page.locator('#outcome').textContent()).toBe('reranked');
      expect(known).toEqual(expect.arrayContaining(await ids('first')));
      expect((await ids('second')).toSorted()).toEqual((await ids('first')).toSorted());
      expect(await page.locator('#second .title').first().textContent()).toBe('Glacier flow');
      expect(await page.locator('#stages dt').allTextContents()).toEqual([
        'cluster',
        'query layers',
        'states',
        'scoring',
        'total',
      ]);
      expect(complaints).toEqual([]);
      await page.close();
    });

    it('says what the cluster says of an index that is gone', async () => {
      const page = await browser.newPage();
      await page.goto(`${proxy.url}/_mice/`);
      await page.locator('#index option').first().waitFor({ state: 'attached' });
      await page.evaluate("document.querySelector('#index').append(new Option('gone', 'gone', true, true))");
      await page.getByLabel('Query').fill(question);
      await page.keyboard.press('Enter');
      await page.getByRole('alert').filter({ hasText: 'gone' }).waitFor();
      await page.close();
    });
  },
);
