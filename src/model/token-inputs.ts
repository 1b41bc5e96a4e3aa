/** Rows of token ids as the inputs of a graph: [rows, longest], zeros after each row's end. */
import type { Input } from './session.ts';
import type { PairIds } from './tokenizer.ts';

export function padded(rows: readonly (readonly number[])[]): Record<'input_ids' | 'attention_mask', Input> {
  return { input_ids: matrix(rows), attention_mask: matrix(rows.map((ids) => ids.map(() => 1))) };
}

export function paddedPairs(
  pairs: readonly PairIds[],
): Record<'input_ids' | 'attention_mask' | 'token_type_ids', Input> {
  return { ...padded(pairs.map(({ ids }) => ids)), token_type_ids: matrix(pairs.map(({ types }) => types)) };
}

function matrix(rows: readonly (readonly number[])[]): Input {
  const longest = Math.max(...rows.map(({ length }) => length));
  const data = new BigInt64Array(rows.length * longest);
  rows.forEach((row, at) => {
    row.forEach((value, column) => {
      data[at * longest + column] = BigInt(value);
    });
  });
  return { data, dims: [rows.length, longest] };
}
