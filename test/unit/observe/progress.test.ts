import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startProgress } from '../../../src/observe/progress.ts';

/** Standard error as it is when nobody looks at it, and what was written to it. */
function plainStream() {
  const stream = new PassThrough();
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => String(stream.read() ?? '') };
}

describe('progress where there is no terminal', () => {
  test('ends with one line that says how much was done', () => {
    const { stream, written } = plainStream();
    const progress = startProgress('opensearch.zip', 161_600_000, 'MB', stream);
    progress.advance(100_000_000);
    progress.reach(161_600_000);
    progress.stop();
    expect(written()).toMatch(/^opensearch\.zip 161\.6 MB in \d+ s\n$/);
  });

  test('does not claim more than there was', () => {
    const { stream, written } = plainStream();
    const progress = startProgress('passages', 10, 'passages', stream);
    progress.advance(25);
    progress.stop();
    expect(written()).toMatch(/^passages 10 passages in /);
  });

  test('does not claim what was not done', () => {
    const { stream, written } = plainStream();
    const progress = startProgress('passages', 10, 'passages', stream);
    progress.advance(4);
    progress.stop();
    expect(written()).toMatch(/^passages 4 passages in /);
  });

  test('tells slow work apart from none', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { stream, written } = plainStream();
    const progress = startProgress('Searching', 31, 'queries', stream);
    progress.advance(1);
    vi.advanceTimersByTime(10_000);
    progress.advance(4);
    expect(written()).toBe('Searching 5/31 queries · 0.4 queries/s · 65 s left\n');
  });
});
