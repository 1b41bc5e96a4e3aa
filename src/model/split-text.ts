/**
 * A text cut into passages that a model reads one by one: at ends of sentences where that leaves a passage at least
 * half full, at words otherwise, inside a word only where it has no end. Passages are about equally long, so that none
 * is a scrap without context. Time and memory are bounded by what may be read, not by the text. Pure.
 *
 * What is decided here is known by {@link file://../states/splitting.ts RULES}, which get new numbers with every change
 * that splits a text otherwise.
 */

export interface SplitLimits {
  /** Tokens of a passage at most, special tokens left out. */
  readonly room: number;
  /** Tokens that a passage shares with the one before, at most; less than half of `room`. */
  readonly overlap: number;
  /** Passages at most. */
  readonly most: number;
}

export interface Passage {
  /** In UTF-16 units; `end` is the first that does not belong to it. */
  readonly start: number;
  readonly end: number;
  /** Without special tokens. */
  readonly ids: readonly number[];
}

export interface SplitText {
  readonly passages: readonly Passage[];
  /** Whether the text goes on behind the last passage. */
  readonly truncated: boolean;
}

/** Tokens of a part of the text, without special tokens. */
export type TokensOf = (part: string) => readonly number[];

/** A text that has not given enough tokens after this many UTF-16 units a token is junk, and is cut there. */
const MOST_UNITS_PER_TOKEN = 96;
/** Units of a piece at least, where its sentence has them: a token has four to five in English. */
const LEAST_PIECE = 64;
/** Units that are looked at around a possible end of a sentence. */
const NEAR = 16;

/** No passage where the text has no tokens. */
export function splitText(text: string, limits: SplitLimits, tokensOf: TokensOf): SplitText {
  const { pieces, whole } = readPieces(text, limits, tokensOf);
  const ends = passageEnds(pieces, limits);
  const passages: Passage[] = [];
  let start = 0;
  ends.slice(0, limits.most).forEach((end, index) => {
    if (index > 0) start = overlapStart(pieces, start, ends[index - 1]!, end, limits);
    passages.push(passageOf(text, pieces.slice(start, end)));
  });
  return { passages, truncated: !whole || ends.length > limits.most };
}

/** A part of a sentence that is short enough to be in a passage with others. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly ids: readonly number[];
  /** Whether a sentence ends here. */
  readonly closes: boolean;
}

/** The pieces of as much of the text as may be read. Only what has no tokens is left out between them. */
function readPieces(
  text: string,
  { room, most }: SplitLimits,
  tokensOf: TokensOf,
): { readonly pieces: readonly Piece[]; readonly whole: boolean } {
  const pieces: Piece[] = [];
  const longest = Math.max(LEAST_PIECE, room >> 1);
  const units = room * most * MOST_UNITS_PER_TOKEN;
  let tokens = 0;
  for (let start = 0; start < text.length; ) {
    if (tokens > room * most || start > units) return { pieces, whole: false };
    const { end, closes } = pieceEnd(text, start, longest);
    for (const part of fitting(text, start, end, room, tokensOf)) {
      tokens += part.ids.length;
      if (part.ids.length > 0) pieces.push({ ...part, closes: closes && part.end === end });
    }
    start = end;
  }
  return { pieces, whole: true };
}

/** The first end of a sentence behind `start`; where it is too far, the last end of a word, or of a character. */
function pieceEnd(text: string, start: number, longest: number): { end: number; closes: boolean } {
  const limit = Math.min(text.length, start + longest);
  let word = 0;
  for (let at = start + 1; at <= limit; at++) {
    if (at === text.length || endsSentence(text, at)) return { end: at, closes: true };
    if (isSpace(text, at) && !isSpace(text, at - 1)) word = at;
  }
  return { end: word > start ? word : wholeCharacter(text, start, limit), closes: false };
}

/** Halves what has too many tokens for a passage by itself, as text in scripts of many tokens a character may. */
function* fitting(
  text: string,
  start: number,
  end: number,
  room: number,
  tokensOf: TokensOf,
): Generator<Omit<Piece, 'closes'>> {
  const ids = tokensOf(text.slice(start, end));
  const middle = wholeCharacter(text, start, start + ((end - start + 1) >> 1));
  if (ids.length <= room || middle >= end) {
    yield { start, end, ids: ids.slice(0, room) };
    return;
  }
  yield* fitting(text, start, middle, room, tokensOf);
  yield* fitting(text, middle, end, room, tokensOf);
}

/** `at`, or one further where that is within a surrogate pair. */
function wholeCharacter(text: string, start: number, at: number): number {
  const last = text.charCodeAt(at - 1);
  const splits = last >= 0xd800 && last < 0xdc00 && /^[\udc00-\udfff]/.test(text.charAt(at));
  if (!splits) return at;
  return at - 1 > start ? at - 1 : at + 1;
}

const ENDERS = '.!?\u2026';
/** These need no space behind them. */
const WIDE_ENDERS = '\u3002\uff01\uff1f\uff61\u0964\u06d4';
const CLOSERS = '"\')]}\u201d\u2019\u00bb\uff09\u300d\u300f';

/** Whether a sentence ends before `at`: behind its mark and what closes it, or at a line break. */
function endsSentence(text: string, at: number): boolean {
  const next = text.charAt(at);
  if (next === '\n') return true;
  if (ENDERS.includes(next) || WIDE_ENDERS.includes(next) || CLOSERS.includes(next)) return false;
  let mark = at - 1;
  while (mark > at - NEAR && CLOSERS.includes(text.charAt(mark))) mark--;
  const ender = text.charAt(mark);
  if (ender !== '' && WIDE_ENDERS.includes(ender)) return true;
  if (ender === '' || !ENDERS.includes(ender) || !isSpace(text, at)) return false;
  return !isInitial(text, mark) && !goesOn(text, at);
}

/** Behind `J. S. Bach`'s dots no sentence ends. */
function isInitial(text: string, mark: number): boolean {
  return /^(?:^|.*[^\p{L}\p{N}])\p{Lu}$/su.test(text.slice(Math.max(0, mark - 3), mark));
}

/** A small letter goes on with the sentence, as behind `e.g.` */
function goesOn(text: string, at: number): boolean {
  return /^\s*\p{Ll}/u.test(text.slice(at, at + NEAR));
}

function isSpace(text: string, at: number): boolean {
  return /^\s$/.test(text.charAt(at));
}

/** Numbers of the pieces behind which passages end, of one passage more than is allowed where there is text for it. */
function passageEnds(pieces: readonly Piece[], { room, overlap, most }: SplitLimits): readonly number[] {
  const total = Math.min(
    pieces.reduce((sum, { ids }) => sum + ids.length, 0),
    room + (most - 1) * (room - overlap),
  );
  const wanted = total <= room ? 1 : Math.ceil((total - overlap) / (room - overlap));
  const even = Math.ceil((total + (wanted - 1) * overlap) / wanted);
  const ends: number[] = [];
  for (let from = 0; from < pieces.length && ends.length <= most; ) {
    const shared = ends.length === 0 ? 0 : overlap;
    const end = passageEnd(pieces, from, room - shared, even - shared);
    ends.push(end);
    from = end;
  }
  return ends;
}

/** Takes pieces from `from` on, at most `room` tokens: to the first end of a sentence with `even`, or the last before. */
function passageEnd(pieces: readonly Piece[], from: number, room: number, even: number): number {
  let tokens = 0;
  let end = from;
  let closed = 0;
  for (; end < pieces.length; end++) {
    const { ids, closes } = pieces[end]!;
    if (end > from && tokens + ids.length > room) break;
    tokens += ids.length;
    if (closes && tokens >= room / 2) closed = end + 1;
    if (closes && tokens >= even) return end + 1;
  }
  return end === pieces.length || closed === 0 ? end : closed;
}

/**
 * The first piece of a passage: the one behind the last passage, or a few before it that fit in as well.
 * @param before the first piece of the last passage: each starts behind the one before
 */
function overlapStart(
  pieces: readonly Piece[],
  before: number,
  last: number,
  end: number,
  { room, overlap }: SplitLimits,
): number {
  let own = 0;
  for (let at = last; at < end; at++) own += pieces[at]!.ids.length;
  let start = last;
  for (let shared = 0; start > before + 1; start--) {
    shared += pieces[start - 1]!.ids.length;
    if (shared > overlap || own + shared > room) break;
  }
  return start;
}

function passageOf(text: string, pieces: readonly Piece[]): Passage {
  let start = pieces[0]!.start;
  while (isSpace(text, start)) start++;
  return { start, end: pieces.at(-1)!.end, ids: pieces.flatMap(({ ids }) => ids) };
}
