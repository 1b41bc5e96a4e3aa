/** Text for a terminal: cut to a width, coloured only where colour is wanted. */

export type Tint = 'bold' | 'dim' | 'green' | 'yellow' | 'cyan';

/** SGR parameters (ECMA-48, 8.3.117). */
const codes: Readonly<Record<Tint, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export interface Screen {
  /** Characters of a line, 40 to 160. */
  readonly columns: number;
  tint(text: string, tint: Tint): string;
}

const NARROWEST = 40;
const WIDEST = 160;

/** A screen of any width, in black and white unless `coloured`. */
export function screenOf(columns: number, coloured: boolean): Screen {
  return {
    columns: Math.min(WIDEST, Math.max(NARROWEST, columns)),
    tint(text, tint) {
      if (!coloured) return text;
      const [on, off] = codes[tint];
      return `\x1b[${on}m${text}\x1b[${off}m`;
    },
  };
}

/** The screen that a stream is: as wide as the terminal, 100 columns and no colour where it is none. */
export function screenOfStream(stream: NodeJS.WriteStream): Screen {
  if (!stream.isTTY) return screenOf(100, false);
  return screenOf(stream.columns || 80, stream.hasColors() && process.env['NO_COLOR'] === undefined);
}

/** `text` in exactly `width` columns; what does not fit ends in an ellipsis. Counts characters, not cells. */
export function toWidth(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + ' '.repeat(width - characters.length);
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
