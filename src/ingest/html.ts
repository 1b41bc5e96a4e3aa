/** The text of an HTML fragment, for reading: no parser, so nothing in it can fail or be fetched. */

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  ndash: '–',
  mdash: '—',
  hellip: '…',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  copy: '©',
  reg: '®',
  deg: '°',
  euro: '€',
  pound: '£',
  times: '×',
  middot: '·',
  laquo: '«',
  raquo: '»',
};

/** Elements that stand inside a line of text; all others end a word. */
const inline = new Set(
  'a abbr b bdi bdo cite code data dfn em font i kbd mark q s samp small span strong sub sup u var wbr'.split(
    ' ',
  ),
);
/** Elements whose content is no text. */
const hidden: Readonly<Record<string, RegExp>> = {
  script: /<\/script\s*>/gi,
  style: /<\/style\s*>/gi,
};
const tagStart = /<([!/?]?)([a-z][a-z\d-]*)/iy;

/** Tags, comments, scripts and styles taken out, entities resolved, white space collapsed; in linear time. */
export function plainText(html: string): string {
  if (!/[<&]/.test(html)) return html;
  return withoutTags(html)
    .replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{1,10}));/gi, resolved)
    .replace(/\s+/g, ' ')
    .trim();
}

function withoutTags(html: string): string {
  const kept: string[] = [];
  let at = 0;
  for (let open = html.indexOf('<'); open !== -1; open = html.indexOf('<', at)) {
    const tag = tagAt(html, open);
    if (tag === 'none') break;
    kept.push(html.slice(at, open), tag.instead);
    at = tag.end;
  }
  kept.push(html.slice(at));
  return kept.join('');
}

/** What stands at `open`, and what is to stand for it; `none` where no tag can follow any more. */
function tagAt(html: string, open: number): 'none' | { readonly instead: string; readonly end: number } {
  if (html.startsWith('<!--', open)) return { instead: ' ', end: after(html, '-->', open) };
  tagStart.lastIndex = open;
  const [, mark, word] = tagStart.exec(html) ?? [];
  if (word === undefined) return { instead: '<', end: open + 1 };
  const close = html.indexOf('>', open);
  if (close === -1) return 'none';
  const name = word.toLowerCase();
  const ending = mark === '' && Object.hasOwn(hidden, name) ? hidden[name] : undefined;
  if (ending) {
    ending.lastIndex = close;
    return { instead: ' ', end: ending.exec(html) ? ending.lastIndex : html.length };
  }
  return { instead: inline.has(name) ? '' : ' ', end: close + 1 };
}

function after(html: string, text: string, from: number): number {
  const at = html.indexOf(text, from);
  return at === -1 ? html.length : at + text.length;
}

function resolved(whole: string, decimal?: string, hexadecimal?: string, name?: string): string {
  if (name !== undefined) return entities[name] ?? whole;
  const point = decimal === undefined ? Number.parseInt(hexadecimal ?? '', 16) : Number(decimal);
  return point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff)
    ? String.fromCodePoint(point)
    : whole;
}
