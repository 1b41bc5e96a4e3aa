/**
 * Memory for the states of a window, used again and again. Fresh buffers, a megabyte each and several a search, would have
 * the engine collect garbage every few searches, for longer than the scoring takes.
 */
const spare: ArrayBuffer[] = [];
const MOST_SPARE = 16;
/** Sizes are rounded up to this, so that a slab fits the next window as well. */
const STEP = 1 << 18;

/** At least `bytes` long, with whatever was there before. One that does not come back is garbage as any other. */
export function slabOf(bytes: number): ArrayBuffer {
  const at = spare.findIndex(({ byteLength }) => byteLength >= bytes);
  if (at >= 0) return spare.splice(at, 1)[0]!;
  spare.shift();
  return new ArrayBuffer(Math.max(1, Math.ceil(bytes / STEP)) * STEP);
}

/** For a later one. Nothing in it may be read any more. */
export function giveBackSlab(slab: ArrayBuffer): void {
  if (spare.length < MOST_SPARE) spare.push(slab);
}
