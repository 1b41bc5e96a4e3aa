import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { documentationCorpus } from '../../../src/demo/corpus.ts';
import { gradesOf, questions } from '../../../src/demo/questions.ts';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const sentence = 'This paragraph says enough about the package to be worth finding by somebody who needs it';

describe('The documentation corpus of a directory', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'mice-corpus-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const lock = (packages: Readonly<Record<string, unknown>>) =>
    writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  const file = (path: string, text: string) => {
    const target = join(root, 'node_modules', path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, `${text}\n`);
  };
  const ids = () => documentationCorpus(root).map(({ id }) => id);

  it('is made of the READMEs and guides of the packages in the lock file, in the order of their names', () => {
    lock({ '': {}, 'node_modules/b': {}, 'node_modules/@scope/a': {} });
    file('b/README.md', `${sentence} b`);
    file('b/docs/guide.md', `${sentence} guide`);
    file('@scope/a/readme.markdown', `${sentence} a`);
    file('unlisted/README.md', `${sentence} unlisted`);
    expect(ids()).toEqual([
      '@scope/a/readme.markdown#overview',
      'b/README.md#overview',
      'b/docs/guide.md#overview',
    ]);
  });

  it('leaves out packages that npm installs on some machines only, and nested copies', () => {
    lock({
      'node_modules/a': {},
      'node_modules/a/node_modules/b': {},
      'node_modules/native-linux': { optional: true, os: ['linux'], cpu: ['x64'] },
      'node_modules/posix': { os: ['!win32'] },
      'node_modules/workspace': { link: true },
    });
    for (const name of ['a', 'a/node_modules/b', 'native-linux', 'posix', 'workspace']) {
      file(`${name}/README.md`, `${sentence} ${name}`);
    }
    expect(ids()).toEqual(['a/README.md#overview']);
  });

  it('leaves out change logs, translations and what a package carries for others', () => {
    lock({ 'node_modules/a': {} });
    for (const name of [
      'README.md',
      'CHANGELOG.md',
      'README.zh-CN.md',
      'SECURITY.md',
      'test/data.md',
      'vendor/x/README.md',
    ]) {
      file(`a/${name}`, `${sentence} ${name}`);
    }
    expect(ids()).toEqual(['a/README.md#overview']);
  });

  it('has each text once, from the first package that has it', () => {
    lock({ 'node_modules/a': {}, 'node_modules/b': {} });
    file('a/README.md', `${sentence}.`);
    file('b/README.md', `**${sentence}**!`);
    expect(ids()).toEqual(['a/README.md#overview']);
  });

  it('says what to do where a package or the lock file is missing', () => {
    expect(() => documentationCorpus(root)).toThrow(
      expect.objectContaining({ code: 'data-invalid', hint: expect.stringContaining('--data') }),
    );
    lock({ 'node_modules/gone': {} });
    expect(() => documentationCorpus(root)).toThrow(/gone is in package-lock\.json but not in node_modules/);
  });
});

describe('The corpus of this checkout', () => {
  const passages = documentationCorpus(checkout);
  const known = new Set(passages.map(({ id }) => id));

  it('holds a few thousand passages, each under an id of its own', () => {
    expect(passages.length).toBeGreaterThan(2000);
    expect(known.size).toBe(passages.length);
  });

  it('has no passage without words, and none far longer than the model reads', () => {
    for (const { title, text } of passages) {
      expect(title).toMatch(/^\S+: \S/);
      expect(text.length).toBeGreaterThanOrEqual(60);
      expect(text.length).toBeLessThan(1000);
    }
  });

  it('holds every passage that a question is judged by', () => {
    const missing = questions.flatMap((question) =>
      [...gradesOf(question).keys()].filter((id) => !known.has(id)),
    );
    expect(missing).toEqual([]);
  });
});

describe('The judged questions', () => {
  it('are two dozen at least, all different, each with an answer of the highest grade', () => {
    expect(questions.length).toBeGreaterThanOrEqual(24);
    expect(new Set(questions.map(({ query }) => query)).size).toBe(questions.length);
    for (const { query, answers } of questions) expect(answers[3], query).not.toHaveLength(0);
  });

  it('judge no passage twice', () => {
    for (const question of questions) {
      expect(gradesOf(question).size, question.query).toBe(Object.values(question.answers).flat().length);
    }
  });

  it('are asked in words that are not the title of an answer', () => {
    const titles = new Set(
      documentationCorpus(checkout).map(({ title }) => title.replace(/^.*[:>] /, '').toLowerCase()),
    );
    for (const { query } of questions) expect(titles.has(query.toLowerCase()), query).toBe(false);
  });
});
