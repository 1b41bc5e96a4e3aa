import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../../src/config/settings.ts';
import { plainText } from '../../../src/ingest/html.ts';
import { plainSelection, selections, selectText } from '../../../src/ingest/text.ts';
import { contentHash } from '../../../src/states/hash.ts';

const fields = ['title', 'text'];

describe('the text of a document', () => {
  it.each<[string, unknown, string]>([
    ['fields in their order', { text: 'b', title: 'a' }, 'a\nb'],
    ['arrays in theirs', { text: ['a', 'b', ['c']] }, 'a\nb\nc'],
    ['nothing from numbers, objects and absent fields', { title: 3, text: { a: 'x' } }, ''],
    ['nothing from blank texts', { title: '  ', text: 'a' }, 'a'],
    ['nothing from what is no object', 'text', ''],
    ['nothing from inherited names', JSON.parse('{"__proto__":{"text":"x"}}'), ''],
    ['HTML as it is, unless it is said to be', { text: '<b>a</b>' }, '<b>a</b>'],
  ])('%s', (_, source, text) => {
    expect(selectText(source, fields)).toBe(text);
    expect(selectText(source, plainSelection(fields))).toBe(text);
  });

  it('keeps its hash from release to release', () => {
    const { textFields } = loadSettings();
    const source = { body: ['b', ' c '], title: ' a', other: 'x', description: '' };
    expect(contentHash(selectText(source, textFields))).toBe('1b7f839e5ee36395f56f854350bda43a');
  });

  it('reaches into objects and arrays by dotted names, and knows keys that hold the dot', () => {
    expect(selectText({ a: [{ b: 'x' }, { b: 'y' }] }, ['a.b'])).toBe('x\ny');
    expect(selectText({ 'a.b': 'z' }, ['a.b'])).toBe('z');
    expect(selectText({ 'a.b': { c: 'z' } }, ['a.b.c'])).toBe('z');
    expect(selectText({ a: { 'b.c': 'z' } }, ['a.b.c'])).toBe('z');
  });

  it('has labels and separators where a rule says so', () => {
    const of = selections(
      [
        {
          indices: ['books-*', 'shop'],
          fields: [
            { field: 'title', label: 'Title: ' },
            { field: 'tags', separator: ', ' },
            { field: 'text' },
          ],
          separator: ' | ',
          html: true,
        },
      ],
      plainSelection(fields),
    );
    const source = { title: 'a', tags: ['x', 'y'], text: ['<p>b</p>', 'c &amp; d'] };
    for (const index of ['books-2026', 'shop', '.ds-books-x-2026.01.31-000001', '.ds-shop-000002'])
      expect(selectText(source, of(index))).toBe('Title: a | x, y | b | c & d');
    expect(selectText({ text: 't' }, of('shop'))).toBe('t');
    expect(selectText(source, of('bookshop'))).toBe('a\n<p>b</p>\nc &amp; d');
  });

  it('is chosen by rules in the configuration, and what is no rule is refused', () => {
    const rules = '[{"indices":"a*","fields":["x",{"field":"y","label":"Y "}]}]';
    const { textRules } = loadSettings({ environment: { MICE_TEXT_RULES: rules } });
    expect(textRules).toEqual([{ indices: ['a*'], fields: [{ field: 'x' }, { field: 'y', label: 'Y ' }] }]);
    for (const given of ['no json', '[{"indices":"a"}]', '[{"indices":"a","fields":[{"name":"x"}]}]'])
      expect(() => loadSettings({ environment: { MICE_TEXT_RULES: given } })).toThrow(/text.rules/);
  });
});

describe('the text of HTML', () => {
  it.each([
    ['<p>Ice <b>mov</b>es.</p><p>Slowly</p>', 'Ice moves. Slowly'],
    ['a<br/>b<li>c', 'a b c'],
    ['<script>x < y</script>a<style>b{}</style><!-- c -->d', 'a d'],
    ['x &lt; y &amp;&#65;&#x42;&nbsp;&unknown; &#0; &#xD800;', 'x < y &AB &unknown; &#0; &#xD800;'],
    ['1 < 2 and 3 > 2', '1 < 2 and 3 > 2'],
    ['no markup,  two spaces', 'no markup,  two spaces'],
    ['<script>never closed', ''],
  ])('%s', (html, text) => {
    expect(plainText(html)).toBe(text);
  });

  it('is found in much that never ends', () => {
    for (const piece of ['<', '<!--', '<script', '&#', '<a '])
      expect(() => plainText(piece.repeat(200_000))).not.toThrow();
  });
});
