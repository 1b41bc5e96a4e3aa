/** The greedy longest-match split of WordPiece, in time linear in the word. */

export interface Vocabulary {
  has(piece: string): boolean;
  keys(): Iterable<string>;
}

export interface WordPieceOptions {
  /** What an unreadable word becomes. */
  readonly unknown: string;
  /** Put before a piece that continues a word. */
  readonly continuing: string;
  /** Longer words, in code points, are unknown. */
  readonly longestWord: number;
}

/**
 * Gives the pieces of words. Same result as the plain algorithm, which tries every substring: no piece is longer
 * than the vocabulary's longest, so a hostile text of 100-letter words costs 20 look-ups a letter and not 100.
 */
export function wordPieces(vocabulary: Vocabulary, options: WordPieceOptions): (words: string[]) => string[] {
  let longest = 0;
  for (const piece of vocabulary.keys()) longest = Math.max(longest, piece.length);
  const split = (word: string): readonly string[] => {
    // A code point has at most two UTF-16 units: only words in between need counting.
    const countable = word.length > options.longestWord;
    if (countable && [...word].length > options.longestWord) return [options.unknown];
    return piecesOf(word, vocabulary, longest, options.continuing) ?? [options.unknown];
  };
  return (words) => words.flatMap(split);
}

function piecesOf(
  word: string,
  vocabulary: Vocabulary,
  longest: number,
  continuing: string,
): readonly string[] | undefined {
  const pieces: string[] = [];
  for (let start = 0; start < word.length; ) {
    const prefix = start === 0 ? '' : continuing;
    let end = Math.min(word.length, start + longest);
    while (end > start && !vocabulary.has(prefix + word.slice(start, end))) end--;
    if (end === start) return undefined;
    pieces.push(prefix + word.slice(start, end));
    start = end;
  }
  return pieces;
}
