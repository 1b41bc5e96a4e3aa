/** A small byte-level BPE tokenizer.json with the parts that ModernBERT's has. */

/** One visible character for each byte, as GPT-2 has them: bytes that are visible stay, the others follow U+0100. */
function byteCharacters(): readonly string[] {
  let next = 0x100;
  const visible = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(visible(byte) ? byte : next++));
}

const MERGES = [
  ['t', 'h'],
  ['th', 'e'],
  ['Ġ', 'the'],
  ['i', 'n'],
  ['in', 'g'],
  ['e', 'r'],
  ['Ġ', 'w'],
  ['Ġw', 'in'],
  ['t', 'er'],
  ['Ġwin', 'ter'],
  ['a', 'a'],
  ['aa', 'aa'],
  ["'", 'r'],
  ["'r", 'e'],
  ['Ã', '©'],
] as const;

const special = { special: true, normalized: false };
const ADDED = [
  { content: '[UNK]', ...special },
  { content: '[CLS]', ...special },
  { content: '[SEP]', ...special },
  { content: '[MASK]', ...special, lstrip: true },
  { content: '<|im_start|>', ...special },
  { content: '  ', special: false, normalized: true },
  { content: '    ', special: false, normalized: true },
];

const symbols = [...byteCharacters(), ...MERGES.map((pair) => pair.join(''))];

/** The id of a token. */
export function idOf(token: string): number {
  const at = ADDED.findIndex(({ content }) => content === token);
  return at >= 0 ? symbols.length + at : symbols.indexOf(token);
}

const cls = { SpecialToken: { id: '[CLS]', type_id: 0 } };
const sep = (type_id: number) => ({ SpecialToken: { id: '[SEP]', type_id } });
const text = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
const named = (token: string) => ({ id: token, ids: [idOf(token)], tokens: [token] });

export const bpeTokenizer = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: ADDED.map((token) => ({
    id: idOf(token.content),
    single_word: false,
    lstrip: false,
    rstrip: false,
    ...token,
  })),
  normalizer: { type: 'NFC' },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [cls, text('A', 0), sep(0)],
    pair: [cls, text('A', 0), sep(0), text('B', 1), sep(1)],
    special_tokens: { '[CLS]': named('[CLS]'), '[SEP]': named('[SEP]') },
  },
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(symbols.map((symbol, id) => [symbol, id])),
    merges: MERGES.map((pair) => pair.join(' ')),
  },
};
