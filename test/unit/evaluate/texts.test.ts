import { expect, test } from 'vitest';
import { options } from '../../../src/config/options.ts';
import { openBeir } from '../../../src/evaluate/beir.ts';
import { readTexts } from '../../../src/evaluate/texts.ts';
import { beirFiles, directoryOf } from './collection.ts';

test('a document’s text is its title, a line break and its text; without a title its text alone', async () => {
  const { corpus } = await openBeir(await directoryOf(beirFiles()));
  const texts = await readTexts(corpus, options.textFields.default);
  expect(texts.get('tides')).toBe('Tides\nThe moon pulls the sea; twice a day the water rises.');
  expect(texts.get('bread')).toBe('Yeast makes dough rise.');
});

test('the fields are those that the proxy is set to read', async () => {
  const { corpus } = await openBeir(await directoryOf(beirFiles()));
  const texts = await readTexts(corpus, ['text']);
  expect(texts.get('tides')).toBe('The moon pulls the sea; twice a day the water rises.');
});
