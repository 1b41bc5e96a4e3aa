import { describe, expect, it } from 'vitest';
import { passagesOf } from '../../../src/demo/passages.ts';

const sentence = 'Every passage needs more than a handful of words before anybody would look for it.';
const texts = (file: string, markdown: string) => passagesOf('pkg', file, markdown).map(({ text }) => text);

describe('A guide is cut into passages', () => {
  it('at its headings, which name the passage and its id', () => {
    const markdown = `# pkg\n\n${sentence}\n\n## Usage\n\n${sentence} One.\n\n### With streams\n\n${sentence} Two.\n`;
    expect(passagesOf('pkg', 'README.md', markdown)).toEqual([
      { id: 'pkg/README.md#overview', title: 'pkg: overview', text: sentence, package: 'pkg' },
      { id: 'pkg/README.md#usage', title: 'pkg: Usage', text: `${sentence} One.`, package: 'pkg' },
      {
        id: 'pkg/README.md#with-streams',
        title: 'pkg: Usage > With streams',
        text: `${sentence} Two.`,
        package: 'pkg',
      },
    ]);
  });

  it('keeps the first heading of a guide, which is no project title there', () => {
    const [passage] = passagesOf('pkg', 'docs/retries.md', `# Retries\n\n${sentence}\n`);
    expect(passage?.title).toBe('pkg: Retries');
  });

  it('and numbers an id that a file uses again', () => {
    const markdown = `## Options\n\n${sentence} A.\n\n## Options\n\n${sentence} B.\n`;
    expect(passagesOf('pkg', 'a.md', markdown).map(({ id }) => id)).toEqual([
      'pkg/a.md#options',
      'pkg/a.md#options-2',
    ]);
  });

  it('and a section longer than the model reads at the borders of its paragraphs', () => {
    const paragraphs = Array.from({ length: 12 }, (_, at) => `${sentence} Paragraph ${at} ends here.`);
    const parts = texts('a.md', `## Long\n\n${paragraphs.join('\n\n')}\n`);
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.join('\n')).toBe(paragraphs.join('\n'));
    for (const part of parts) expect(part.length).toBeLessThanOrEqual(900);
  });

  it('and never between a line that announces code and the code', () => {
    const filler = Array.from({ length: 7 }, () => sentence).join('\n\n');
    const parts = texts(
      'a.md',
      `## Use\n\n${filler}\n\nFor example:\n\n\`\`\`js\nconst answer = compute(question, options);\n\`\`\`\n`,
    );
    expect(parts.find((part) => part.includes('For example:'))).toContain('const answer = compute(');
  });

  it('leaves out licences, tables of contents, benchmarks and sections with next to nothing in them', () => {
    const markdown = [
      `## License\n\n${sentence}`,
      `## 🤝 Contributing\n\n${sentence} Please do.`,
      `## Benchmark results\n\n${sentence} Fast.`,
      '## Overview\n\n- [Install](#install)\n- [Usage of everything there is](#usage)\n- [More on options](./options.md)',
      '## Tiny\n\nnpm i',
      `## Kept\n\n${sentence}`,
    ].join('\n\n');
    expect(passagesOf('pkg', 'README.md', markdown).map(({ title }) => title)).toEqual(['pkg: Kept']);
  });
});

describe('Markup goes and words stay', () => {
  const one = (markdown: string) =>
    texts('a.md', `## Heading\n\n${markdown}\n\n${sentence}\n`)[0]?.replace(`\n${sentence}`, '');

  it('for links, emphasis, images, badges and references', () => {
    const markdown =
      '[![build](https://ci/badge.svg)](https://ci) Use **both** [`pipe()`](#pipe) and _this_ [guide](https://x/a_(b) "A guide"). [![][img]][ref]';
    expect(one(markdown)).toBe('Use both pipe() and this guide.');
  });

  it('for HTML, entities and comments, but not for type parameters', () => {
    expect(
      one(
        '<p align="center">Returns <code>Promise&lt;void&gt;</code><br></p> <!-- hidden --> or Map<string, T>',
      ),
    ).toBe('Returns Promise<void> or Map<string, T>');
  });

  it('for tables, whose rows become lines', () => {
    expect(one('| Name | Meaning |\n|------|:-------:|\n| `a`  | the first |')).toBe(
      'Name | Meaning\na | the first',
    );
  });

  it('and code is kept as it stands, fenced or indented, with what looks like markup inside', () => {
    expect(one('```js\n# not a heading\nconst a = b * c * d; // [x](y)\n```')).toBe(
      '# not a heading\nconst a = b * c * d; // [x](y)',
    );
    expect(one('    if (a) {\n      run(*b);\n    }')).toBe('if (a) {\n  run(*b);\n}');
    expect(one('Set `__proto__` or `**` here')).toBe('Set __proto__ or ** here');
  });

  it('and underlined or HTML headings are headings', () => {
    const markdown = `Usage\n-----\n\n${sentence} A.\n\n<h3 align="center">\n  More\n</h3>\n\n${sentence} B.\n`;
    expect(passagesOf('pkg', 'a.md', markdown).map(({ title }) => title)).toEqual([
      'pkg: Usage',
      'pkg: Usage > More',
    ]);
  });

  it('and Windows line ends make no difference', () => {
    const markdown = `## Usage\n\n${sentence}\n\n\`\`\`js\nlet a;\n\`\`\`\n`;
    expect(texts('a.md', markdown.replaceAll('\n', '\r\n'))).toEqual(texts('a.md', markdown));
  });
});
