import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../../src/states/hash.ts';

describe('the content hash', () => {
  it('is the first half of the sha256 of the text in UTF-8', () => {
    const text = 'Ångström';
    const sha256 = createHash('sha256').update(Buffer.from(text, 'utf8')).digest('hex');
    expect(contentHash(text)).toBe(sha256.slice(0, 32));
  });

  it('tells texts apart that differ in one space', () => {
    expect(contentHash('a b')).not.toBe(contentHash('a  b'));
  });
});
