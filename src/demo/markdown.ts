/** Markdown as blocks of plain text: enough of CommonMark to cut documentation into passages. */
import { plain, plainLines } from './inline.ts';

export type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  /** A paragraph, a list item or a table row, on one line. */
  | { readonly kind: 'prose'; readonly text: string }
  /** Code as it stands, without its fence. */
  | { readonly kind: 'code'; readonly text: string };

const FENCE = /^ {0,12}(`{3,}|~{3,})/;
const ATX_HEADING = /^ {0,3}(#{1,6})\s*(.*?)\s*#*\s*$/;
const SETEXT_UNDERLINE = /^ {0,3}(=+|-+)\s*$/;
const RULE = /^ {0,3}(?:[-*_]\s*){3,}$/;
const LIST_ITEM = /^\s*(?:[-*+•]|\d{1,3}[.)])\s+/;
const TABLE_RULE = /^\s*\|?[\s:|-]*-[\s:|-]*$/;
/** An entry of a table of contents: a list item that is a link and nothing else. */
const BARE_LINK = /^\s*(?:[-*+•]|\d{1,3}[.)])\s+\[[^\]]*\]\([^)]*\)[\s.,;]*$/;
const INDENTED_CODE = /^(?: {4}|\t)/;

/** The blocks of a Markdown text, in order; blocks that hold nothing but markup are left out. */
export function blocksOf(markdown: string): readonly Block[] {
  const reader = new BlockReader();
  for (const line of plainLines(markdown)) reader.read(line);
  return reader.end();
}

/** Reads line by line; owns the paragraph and the code block that are still open. */
class BlockReader {
  readonly #blocks: Block[] = [];
  #paragraph: string[] = [];
  #code: string[] = [];
  #fence: string | undefined;
  #afterBlank = true;
  #inList = false;

  read(line: string): void {
    const fence = FENCE.exec(line)?.[1];
    if (this.#fence !== undefined) {
      this.#readFenced(line, this.#fence);
    } else if (fence !== undefined) {
      this.#flush();
      this.#fence = fence;
    } else if (line.trim() === '') {
      this.#closeParagraph();
      this.#afterBlank = true;
    } else {
      this.#readOpen(line);
      this.#afterBlank = false;
    }
  }

  end(): readonly Block[] {
    this.#flush();
    return this.#blocks;
  }

  #readFenced(line: string, fence: string): void {
    const closing = FENCE.exec(line)?.[1];
    if (closing?.startsWith(fence) && line.trim() === closing) {
      this.#fence = undefined;
      this.#flush();
    } else {
      this.#code.push(line);
    }
  }

  #readOpen(line: string): void {
    if (this.#readIndented(line)) return;
    this.#closeCode();
    if (this.#readHeading(line) || TABLE_RULE.test(line) || RULE.test(line)) return;
    if (LIST_ITEM.test(line) || line.trimStart().startsWith('|')) this.#closeParagraph();
    this.#inList = LIST_ITEM.test(line) || (this.#inList && /^\s/.test(line));
    this.#paragraph.push(line);
  }

  #readIndented(line: string): boolean {
    const continues = this.#code.length > 0 || (this.#afterBlank && !this.#inList);
    if (!INDENTED_CODE.test(line) || !continues || this.#paragraph.length > 0) return false;
    this.#code.push(line.replace(INDENTED_CODE, ''));
    return true;
  }

  #readHeading(line: string): boolean {
    const atx = ATX_HEADING.exec(line);
    if (atx?.[1] !== undefined) {
      this.#flush();
      this.#heading(atx[1].length, atx[2] ?? '');
      return true;
    }
    const underline = SETEXT_UNDERLINE.exec(line)?.[1];
    if (underline === undefined || this.#paragraph.length === 0 || this.#inList) return false;
    const text = this.#paragraph.join(' ');
    this.#paragraph = [];
    this.#heading(underline.startsWith('=') ? 1 : 2, text);
    return true;
  }

  #heading(level: number, text: string): void {
    this.#inList = false;
    this.#blocks.push({ kind: 'heading', level, text: plain(text) });
  }

  #flush(): void {
    this.#closeParagraph();
    this.#closeCode();
  }

  #closeParagraph(): void {
    const markup = this.#paragraph.join(' ');
    const text = BARE_LINK.test(markup) ? '' : plain(markup);
    this.#paragraph = [];
    if (/[\p{L}\p{N}]/u.test(text)) this.#blocks.push({ kind: 'prose', text });
  }

  #closeCode(): void {
    const text = this.#code
      .join('\n')
      .replace(/^\s*\n|\s+$/g, '')
      .replace(/^[ \t]{9,}/gm, ' '.repeat(8));
    this.#code = [];
    if (text !== '') this.#blocks.push({ kind: 'code', text });
  }
}
