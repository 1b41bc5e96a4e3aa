/** Values without meaning. A stretch of them is repeated: only that they are ordinary numbers matters. */

const STRETCH = 4099;
const SPREAD = 0.05;

const stretch = Float32Array.from({ length: STRETCH }, () => (2 * Math.random() - 1) * SPREAD);

export function randomFloats(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => stretch[at % STRETCH]!);
}

export function randomBytes<T extends Int8Array | Uint8Array>(
  count: number,
  kind: new (length: number) => T,
): T {
  const values = new kind(count);
  for (let at = 0; at < count; at++)
    values[at] = (stretch[at % STRETCH]! / SPREAD) * 127 + (kind.name === 'Uint8Array' ? 128 : 0);
  return values;
}
