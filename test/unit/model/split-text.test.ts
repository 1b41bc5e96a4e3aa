import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SplitLimits, splitText } from '../../../src/model/split-text.ts';

/** A token a word, and one a mark of punctuation. */
const words = (text: string) => (text.match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []).map((_, at) => at);
/** A token a character, as scripts without spaces have it. */
const characters = (text: string) => [...text.replaceAll(/\s/g, '')].map((_, at) => at);
/** Three tokens a character. */
const bytes = (text: string) => [...text].flatMap(() => [1, 2, 3]);

const limits: SplitLimits = { room: 20, overlap: 0, most: 100 };

function textsOf(text: string, changes: Partial<SplitLimits> = {}, tokensOf = words): readonly string[] {
  const { passages } = splitText(text, { ...limits, ...changes }, tokensOf);
  return passages.map(({ start, end }) => text.slice(start, end));
}

const sentence = (number: number) => `This is sentence number ${number} of the text.`;
const sentences = (count: number) => Array.from({ length: count }, (_, at) => sentence(at)).join(' ');

describe('a long text', () => {
  it('is cut at ends of sentences', () => {
    expect(textsOf(sentences(4))).toEqual([`${sentence(0)} ${sentence(1)}`, `${sentence(2)} ${sentence(3)}`]);
  });

  it('is cut into passages of about one length, so that none is a scrap', () => {
    const lengths = textsOf(sentences(9), { room: 40 }).map((passage) => words(passage).length);
    expect(lengths).toEqual([27, 27, 27]);
  });

  it('has passages that repeat whole sentences of the one before, where they may overlap', () => {
    const passages = textsOf(sentences(6), { room: 30, overlap: 10 });
    expect(passages[0]).toBe([0, 1, 2].map(sentence).join(' '));
    expect(passages[1]).toBe([2, 3, 4].map(sentence).join(' '));
    expect(passages[2]).toBe([4, 5].map(sentence).join(' '));
  });

  it.each([
    ['one of J. S. Bach, e.g. the second', ['one of J. S. Bach, e.g. the second']],
    ['He said "Stop!" Then (he left.) So did I.', ['He said "Stop!"', 'Then (he left.)', 'So did I.']],
    ['3.5 of 4. Good', ['3.5 of 4.', 'Good']],
    ['Really?! Yes… Well.', ['Really?!', 'Yes…', 'Well.']],
    ['a heading\nand a text', ['a heading', 'and a text']],
    ['一つ目の文。「二つ目。」三つ目', ['一つ目の文。', '「二つ目。」', '三つ目']],
  ])('ends its sentences where people do: %s', (text, expected) => {
    // One token, however long a piece is, and room for one.
    const { passages } = splitText(text, { room: 1, overlap: 0, most: 100 }, () => [1]);
    expect(passages.map(({ start, end }) => text.slice(start, end))).toEqual(expected);
  });

  it('is cut between words where a sentence is longer than a passage', () => {
    const long = Array.from({ length: 100 }, (_, at) => `word${at}`).join(' ');
    const passages = textsOf(long);
    expect(passages.join(' ')).toBe(long);
    expect(passages.every((passage) => words(passage).length <= 20)).toBe(true);
  });

  it('is cut within words only where they have no end, and never within a character', () => {
    const emoji = '😀'.repeat(500);
    for (const tokensOf of [characters, bytes]) {
      const passages = textsOf(emoji, { most: 1000 }, tokensOf);
      expect(passages.join('')).toBe(emoji);
      expect(passages.every((passage) => passage.isWellFormed())).toBe(true);
    }
  });

  it('is read up to the most passages, and what is left is told', () => {
    const { passages, truncated } = splitText(sentences(50), { ...limits, most: 3 }, words);
    expect([passages.length, truncated]).toEqual([3, true]);
    expect(splitText(sentences(6), { ...limits, most: 3 }, words).truncated).toBe(false);
  });

  it('without words is nothing', () => {
    expect(splitText(' \n\t '.repeat(1000), limits, words).passages).toEqual([]);
  });
});

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(' ', '\n', '. ', '。', '!" ', ', ', '   ', '😀', '\ud83d', '漢字'),
      fc.stringMatching(/^[a-zA-Zé]{1,12}$/).map((word) => ` ${word}`),
      fc.string({ unit: 'binary', maxLength: 8 }),
    ),
    { maxLength: 200 },
  )
  .map((parts) => parts.join(''));
const anyLimits = fc
  .record({
    room: fc.integer({ min: 1, max: 40 }),
    overlap: fc.nat({ max: 20 }),
    most: fc.integer({ min: 1, max: 30 }),
  })
  .map((made) => ({ ...made, overlap: Math.min(made.overlap, made.room >> 1) }));
const anyTokens = fc.constantFrom(words, characters);

describe('of any text, passages', () => {
  it('are within the limits, in order, and go forward', () => {
    fc.assert(
      fc.property(anyText, anyLimits, anyTokens, (text, given, tokensOf) => {
        const { passages } = splitText(text, given, tokensOf);
        expect(passages.length).toBeLessThanOrEqual(given.most);
        let before = { start: -1, end: 0 };
        for (const { start, end, ids } of passages) {
          expect(ids.length).toBeGreaterThan(0);
          expect(ids.length).toBeLessThanOrEqual(given.room);
          expect(start).toBeGreaterThan(before.start);
          expect(end).toBeGreaterThan(before.end);
          before = { start, end };
        }
      }),
    );
  });

  it('leave out nothing that has tokens, unless that is told', () => {
    fc.assert(
      fc.property(anyText, anyLimits, (text, given) => {
        const { passages, truncated } = splitText(text, given, characters);
        if (truncated) return;
        let end = 0;
        for (const passage of passages) {
          expect(text.slice(end, Math.max(end, passage.start)).trim()).toBe('');
          end = passage.end;
        }
        expect(text.slice(end).trim()).toBe('');
      }),
    );
  });

  it('do not cut a character in two', () => {
    fc.assert(
      fc.property(anyText, anyLimits, (text, given) => {
        for (const { start, end } of splitText(text, given, characters).passages) {
          for (const at of [start, end]) {
            const around = text.slice(Math.max(0, at - 1), at + 1);
            expect(/^[\ud800-\udbff][\udc00-\udfff]$/.test(around), `${at}`).toBe(false);
          }
        }
      }),
    );
  });

  it('are the same where more of them are allowed, unless the text was cut', () => {
    fc.assert(
      fc.property(anyText, anyLimits, (text, given) => {
        const split = splitText(text, given, characters);
        if (!split.truncated)
          expect(splitText(text, { ...given, most: given.most + 3 }, characters)).toEqual(split);
      }),
    );
  });

  it('are found by reading no more than they can hold, however long the text is', () => {
    for (const junk of ['a', ' ', '.', '\n', 'a. ', '😀', '"']) {
      let read = 0;
      splitText(junk.repeat(1_000_000), { room: 20, overlap: 5, most: 4 }, (part) => {
        read += part.length;
        return characters(part);
      });
      expect(read, JSON.stringify(junk)).toBeLessThan(20_000);
    }
  });
});
