/** Arithmetic of scoring by the interaction graph, so that its time can be held against a matrix product's. */
import type { Bundle } from '../model/bundle.ts';

/** Heads of a backbone, which bundle.json does not give: 12 in MiniLM, BERT base and ModernBERT base, 16 in large ones. */
export function headsOf({ dims }: Pick<Bundle, 'dims'>): number {
  return dims.hidden % 12 === 0 ? 12 : 16;
}

/** Width of the MLP over the hidden width. */
export const MLP = 4;

/**
 * Additions and multiplications for one document: what training/mice_train/export.py writes, counted through. What is
 * done once a query is left out, and so is everything but matrix products.
 */
export function interactionOperations(bundle: Bundle, queryTokens: number, storedTokens: number): number {
  const { hidden, states: dims } = bundle.dims;
  const blocks = bundle.source.interactionLayers;
  const products = 4 * headsOf(bundle) * queryTokens * storedTokens * dims;
  const square = 2 * hidden * hidden;
  const read = products + queryTokens * (2 * hidden * dims + square);
  const ask = queryTokens * (square + 2 * hidden * dims);
  const layer = queryTokens * ((4 + 2 * MLP) * square + 4 * queryTokens * hidden);
  const lastLayer = 4 * headsOf(bundle) * queryTokens * hidden + (4 + 2 * MLP) * square;
  return read * blocks + ask * (blocks - 1) + layer * (blocks - 1) + lastLayer + square;
}
