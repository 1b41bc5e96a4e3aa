/** Rows of unequal length, grouped so that little is padded. */

export interface SliceLimits {
  /** Padded tokens, i.e. rows × longest, of one slice; a longer row is a slice by itself. */
  readonly tokens: number;
  readonly rows: number;
  /** Whether only rows of one length may share a slice, so that nothing is padded. */
  readonly sameLength?: boolean;
}

/** Row numbers sorted by length and cut into slices within the limits. Every row is in exactly one. */
export function sliceByLength(lengths: readonly number[], limits: SliceLimits): readonly number[][] {
  const order = lengths.map((_, row) => row).sort((a, b) => lengths[a]! - lengths[b]!);
  const slices: number[][] = [];
  let slice: number[] = [];
  for (const row of order) {
    const padded = (slice.length + 1) * lengths[row]!;
    const longer = limits.sameLength === true && slice.length > 0 && lengths[slice[0]!]! < lengths[row]!;
    if (slice.length > 0 && (longer || padded > limits.tokens || slice.length >= limits.rows)) {
      slices.push(slice);
      slice = [];
    }
    slice.push(row);
  }
  return slice.length > 0 ? [...slices, slice] : slices;
}

/** What each slice gave, one value a row, put into `out` in the order of the rows. */
export function unslice<T, Out extends { [row: number]: T }>(
  slices: readonly (readonly number[])[],
  parts: readonly ArrayLike<T>[],
  out: Out,
): Out {
  slices.forEach((rows, slice) => {
    rows.forEach((row, at) => {
      out[row] = parts[slice]![at]!;
    });
  });
  return out;
}

/**
 * Tokens per slice that give each of `workers` the same share, in as many rounds as `most` asks for. Small slices
 * let urgent work in between and stop early when the caller leaves; below `least` their fixed cost shows.
 */
export function fairShare(total: number, workers: number, least: number, most: number): number {
  const rounds = Math.ceil(total / (workers * most));
  return Math.max(least, Math.ceil(total / (workers * Math.max(rounds, 1))));
}
