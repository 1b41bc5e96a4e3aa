/** The vector of a document of several passages: the mean of theirs, of unit length; of one, its own. */
export function meanVector(vectors: readonly Float32Array[]): Float32Array {
  const [first, ...others] = vectors;
  if (first === undefined || others.length === 0) return first ?? new Float32Array(0);
  const sum = Float32Array.from(first, (value, at) => others.reduce((all, other) => all + other[at]!, value));
  const length = Math.hypot(...sum);
  return length === 0 ? sum : sum.map((value) => value / length);
}
