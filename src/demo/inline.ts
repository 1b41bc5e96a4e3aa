/** Inline Markdown and the HTML that READMEs mix in, taken down to the words a reader sees. */

const HTML_TAG =
  /<\/?(?:a|abbr|article|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|figure|font|h[1-6]|hr|i|img|ins|kbd|li|ol|p|picture|pre|s|samp|section|small|source|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var|video)(?:\s[^<>]*)?\/?>/gi;
const COMMENT = /<!--[\s\S]*?-->/g;
const FRONT_MATTER = /^---\n[\s\S]*?\n---\n/;
const HTML_HEADING = /<h([1-6])[^>]*>([\s\S]*?)<\/h\1>/gi;
const LINK_DEFINITION = /^ {0,3}\[[^\]]+\]:\s*\S+.*$/gm;
/** A fenced block, kept apart so that nothing inside is taken for markup. */
const FENCED = /^( {0,12})(`{3,}|~{3,})[^\n]*\n(?:[\s\S]*?\n)??\1? {0,12}\2[^\S\n]*$/gm;
const CODE_SPAN = /(`+)(.+?)\1(?!`)/g;

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
  '&#39;': "'",
  '&nbsp;': ' ',
};

/** Lines of a document: line ends unified, comments, front matter and link definitions gone, HTML headings as `#`. */
export function plainLines(markdown: string): readonly string[] {
  const text = markdown
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(FRONT_MATTER, '');
  return outside(text, FENCED, (prose) =>
    prose
      .replace(COMMENT, '')
      .replace(HTML_HEADING, (_, level: string, inner: string) => {
        const words = inner.replace(/\s+/g, ' ').trim();
        return `\n${'#'.repeat(Number(level))} ${words}\n`;
      })
      .replace(LINK_DEFINITION, ''),
  ).split('\n');
}

/** Stands for a code span while the markup around it goes; a private-use character, so no document has it. */
const SPAN = '\uE000';

/** The text of a paragraph, list item, table row or heading, on one line; the inside of code spans stays as it is. */
export function plain(inline: string): string {
  const spans: string[] = [];
  const text = inline.replace(CODE_SPAN, (_, _ticks: string, inside: string) => {
    spans.push(inside.trim());
    return SPAN;
  });
  let next = 0;
  return withoutMarkup(text)
    .replace(/^\s*(?:>\s*)+/, '')
    .replace(/^\s*[*+•]\s+/, '- ')
    .replace(/^\s*(- )?\[[ x]\]\s/i, '$1')
    .replace(/^\s*\|\s*|\s*\|\s*$/g, '')
    .replaceAll(SPAN, () => spans[next++] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
}

function withoutMarkup(text: string): string {
  return text
    .replace(/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, '')
    .replace(/\[((?:[^[\]]|\[[^\]]*\])*)\]\((?:[^()\s]|\([^)]*\))*(?:\s+(?:"[^"]*"|'[^']*'))?\)/g, '$1')
    .replace(/\[([^[\]]*)\]\[[^\]]*\]/g, '$1')
    .replace(HTML_TAG, ' ')
    .replace(/<(https?:\/\/[^>\s]+)>/g, '$1')
    .replace(/(?<![\p{L}\p{N}\\])(\*\*\*|\*\*|\*|___|__|_)(?=\S)([^*\n]*?\S)\1(?![\p{L}\p{N}])/gu, '$2')
    .replace(/\*\*/g, '')
    .replace(/~~/g, '')
    .replace(/\\([\\`*_{}[\]()#+\-.!|<>~])/g, '$1')
    .replace(/&(?:lt|gt|amp|quot|apos|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** Applies `change` to what lies between the matches of `kept`. */
function outside(text: string, kept: RegExp, change: (between: string) => string): string {
  let out = '';
  let end = 0;
  for (const match of text.matchAll(kept)) {
    out += change(text.slice(end, match.index)) + match[0];
    end = match.index + match[0].length;
  }
  return out + change(text.slice(end));
}
