"""nDCG@10 as trec_eval computes it (linear gains, log2 discount)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

CUT = 10


def ndcg(ranking: Sequence[str], judged: Mapping[str, int], cut: int = CUT) -> float:
    """ranking = ids, best first; judged = gain by id (0 or absent: not relevant). 0 where nothing is relevant."""
    gains = [max(judged.get(i, 0), 0) for i in ranking[:cut]]
    ideal = sorted((g for g in judged.values() if g > 0), reverse=True)[:cut]
    best = discounted(ideal)
    return discounted(gains) / best if best else 0.0


def discounted(gains: Sequence[int]) -> float:
    return float(sum(gain / np.log2(place + 1) for place, gain in enumerate(gains, start=1)))


def single_ndcg(scores: np.ndarray, positive: np.ndarray, cut: int = CUT) -> np.ndarray:
    """nDCG with one relevant candidate a row: scores [B,N], positive [B] its column or −1 → [B].

    Ties count against it.
    """
    rows = np.arange(len(scores))
    mine = scores[rows, positive][:, None]
    place = (scores >= mine).sum(1)
    return np.where((positive >= 0) & (place <= cut), 1 / np.log2(1 + np.maximum(place, 1)), 0.0)
