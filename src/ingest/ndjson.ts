/** Lines of NDJSON with their breaks, as they stream by. */
import type { Readable } from 'node:stream';

export interface Line {
  readonly bytes: Buffer;
  /** False for a piece of a line that is over the limit. */
  readonly whole: boolean;
}

/** The last line may have no break. A line over `limitBytes` comes in pieces, so that it need not be held. */
export async function* linesOf(body: Readable, limitBytes: number): AsyncGenerator<Line> {
  let pieces: Buffer[] = [];
  let held = 0;
  let over = false;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      yield { bytes: Buffer.concat([...pieces, chunk.subarray(start, end + 1)]), whole: !over };
      pieces = [];
      held = 0;
      over = false;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pieces.push(chunk.subarray(start));
    held += chunk.length - start;
    if (held <= limitBytes) continue;
    over = true;
    yield { bytes: Buffer.concat(pieces), whole: false };
    pieces = [];
    held = 0;
  }
  if (pieces.length > 0) yield { bytes: Buffer.concat(pieces), whole: !over };
}

export function withoutBreak(line: Buffer): Buffer {
  return line.subarray(0, line.length - breakOf(line).length);
}

export function breakOf(line: Buffer): Buffer {
  const end = line.at(-1) === 0x0a ? (line.at(-2) === 0x0d ? 2 : 1) : 0;
  return line.subarray(line.length - end);
}
