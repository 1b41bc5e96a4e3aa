/** Which part of the traffic is re-ranked: the same text is always on the same side. */
import { createHash } from 'node:crypto';

/** @param percent 0 to 100 */
export function isInShare(text: string, percent: number): boolean {
  if (percent >= 100) return true;
  const place = createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
  return place * 100 < percent;
}
