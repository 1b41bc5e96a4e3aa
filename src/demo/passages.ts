/** Passages: one document cut at its headings, and long sections at their blocks. */
import { type Block, blocksOf } from './markdown.ts';

export interface Passage {
  /** `<package>/<file>#<heading-slug>`, with `-2`, `-3`, … where a file would use an id again. */
  readonly id: string;
  /** `<package>: heading > heading`. */
  readonly title: string;
  readonly text: string;
  readonly package: string;
}

/** Characters; about 180 tokens of English mixed with code, what the default bundle reads of a document. */
const LONGEST = 720;
/** A rest shorter than this joins the part before it. */
const SHORT_REST = 180;
/** What a section must hold to be worth finding: words beyond a command line or a badge. */
const FEWEST_WORDS = 8;
const FEWEST_CHARACTERS = 60;

const BOILERPLATE =
  /^\W*(?:licen[cs]es?\b.*|licensing|copyright|authors?|(?:list of )?contributors?|contribut\w*|credits?|(?:special )?thanks|acknowledge?ments?|sponsors?(?: and backers)?|backers|community|maintainers?|support(?:ers| us)?|people|(?:.* )?team(?: members)?|original authors|core contributor.*|want to help.*|tests?|testing|running tests|build status|badges?|(?:table of )?contents|toc|index|references|bugs|bench(?:mark)?s?(?: results)?|change(?:s| ?log)|(?:change )?history|release (?:notes|history)|security(?: contact information)?|code of conduct|see also|related|who uses .*|used by|donat\w*|funding|(?:.* )?for enterprise|development(?: tools)?)\W*$/i;

const README = /(?:^|\/)readme\.[^/]*$/i;

interface Section {
  /** Headings from the outermost to the section's own. */
  readonly path: readonly string[];
  readonly texts: string[];
}

/** The passages of one Markdown file of a package, in reading order. */
export function passagesOf(packageName: string, file: string, markdown: string): readonly Passage[] {
  const used = new Map<string, number>();
  const blocks = blocksOf(markdown);
  return sectionsOf(README.test(file) ? withoutProjectTitle(blocks) : blocks)
    .filter(({ path }) => !path.some((heading) => BOILERPLATE.test(heading)))
    .flatMap(({ path, texts }) => {
      const slug = slugOf(path.at(-1) ?? '') || 'overview';
      const title = titleOf(packageName, file, path);
      return partsOf(texts)
        .filter(isWorthFinding)
        .map((text) => ({
          id: `${packageName}/${file}#${numbered(slug, used)}`,
          title,
          text,
          package: packageName,
        }));
    });
}

/** The first heading of a README names the project, which the package's name does already. */
function withoutProjectTitle(blocks: readonly Block[]): readonly Block[] {
  const first = blocks.findIndex(({ kind }) => kind === 'heading');
  const title = blocks[first];
  return title?.kind === 'heading' && title.level === 1 ? blocks.toSpliced(first, 1) : blocks;
}

function sectionsOf(blocks: readonly Block[]): readonly Section[] {
  const sections: Section[] = [{ path: [], texts: [] }];
  let open: { readonly level: number; readonly text: string }[] = [];
  for (const block of blocks) {
    if (block.kind !== 'heading') {
      sections.at(-1)?.texts.push(block.text);
      continue;
    }
    open = [...open.filter(({ level }) => level < block.level), block];
    sections.push({ path: open.map(({ text }) => text), texts: [] });
  }
  return sections;
}

/** Joins blocks up to {@link LONGEST} characters; a longer block is cut at its lines or sentences. */
function partsOf(texts: readonly string[]): readonly string[] {
  const parts: string[] = [];
  for (const piece of withIntroductions(texts).flatMap(piecesOf)) {
    const last = parts.at(-1);
    const joined = last === undefined ? piece : `${last}\n${piece}`;
    if (last !== undefined && joined.length <= LONGEST) parts[parts.length - 1] = joined;
    else parts.push(piece);
  }
  const rest = parts.at(-1);
  const before = parts.at(-2);
  if (rest !== undefined && before !== undefined && rest.length < SHORT_REST) {
    parts.splice(-2, 2, `${before}\n${rest}`);
  }
  return parts;
}

/** A line that announces what follows ("For example:") stays with it. */
function withIntroductions(texts: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const text of texts) {
    const before = out.at(-1);
    if (before?.endsWith(':') && before.length + text.length < LONGEST)
      out[out.length - 1] = `${before}\n${text}`;
    else out.push(text);
  }
  return out;
}

function piecesOf(text: string): readonly string[] {
  if (text.length <= LONGEST) return [text];
  const units = text.includes('\n') ? text.split('\n') : text.split(/(?<=[.!?])\s+/);
  const separator = text.includes('\n') ? '\n' : ' ';
  const pieces: string[] = [];
  for (const unit of units.flatMap(hardCut)) {
    const joined = pieces.length === 0 ? unit : `${pieces.at(-1)}${separator}${unit}`;
    if (pieces.length > 0 && joined.length <= LONGEST) pieces[pieces.length - 1] = joined;
    else pieces.push(unit);
  }
  return pieces;
}

function hardCut(text: string): readonly string[] {
  const cuts: string[] = [];
  for (let at = 0; at < text.length; at += LONGEST) cuts.push(text.slice(at, at + LONGEST));
  return cuts.length === 0 ? [''] : cuts;
}

function isWorthFinding(text: string): boolean {
  const words = text.match(/\p{L}{2,}/gu) ?? [];
  const notAscii = text.match(/[^\p{ASCII}]/gu)?.length ?? 0;
  return words.length >= FEWEST_WORDS && text.length >= FEWEST_CHARACTERS && notAscii < text.length / 4;
}

function titleOf(packageName: string, file: string, path: readonly string[]): string {
  const headings = path.filter((heading) => heading !== '');
  const fallback = README.test(file) ? 'overview' : file.replace(/^.*\/|\.[^.]*$/g, '');
  return `${packageName}: ${headings.length === 0 ? fallback : headings.join(' > ')}`;
}

/** A heading as an anchor, at most 60 characters of it. */
function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '');
}

function numbered(slug: string, used: Map<string, number>): string {
  const count = (used.get(slug) ?? 0) + 1;
  used.set(slug, count);
  if (count === 1) return slug;
  const id = `${slug}-${count}`;
  if (used.has(id)) return numbered(slug, used);
  used.set(id, 1);
  return id;
}
