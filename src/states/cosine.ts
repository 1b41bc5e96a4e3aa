/**
 * −1 … 1; 0 where either is zero; both are equally long. Of a vector as it is stored the scale cancels out, so a document
 * whose vector is quantised is not penalised for the length that rounding took from it.
 */
export function cosine(query: Float32Array, document: Int8Array | Float32Array): number {
  let dot = 0;
  let querySquares = 0;
  let documentSquares = 0;
  for (let i = 0; i < query.length; i++) {
    const q = query[i]!;
    const d = document[i]!;
    dot += q * d;
    querySquares += q * q;
    documentSquares += d * d;
  }
  const lengths = Math.sqrt(querySquares * documentSquares);
  return lengths === 0 ? 0 : dot / lengths;
}
