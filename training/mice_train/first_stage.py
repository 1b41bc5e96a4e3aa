"""The first stage's share in the final score: a fixed function of a hit's rank, times a calibrated weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KIND = "reciprocal-log2"


@dataclass(frozen=True)
class FirstStage:
    """final = model score + weight · g(rank)."""

    kind: str
    weight: float

    def add(self, ranks: np.ndarray) -> np.ndarray:
        return self.weight * rank_gain(ranks)


def rank_gain(ranks: np.ndarray) -> np.ndarray:
    """g(rank) = 1 / log2(1 + rank) of the 1-based rank: 1, 0.63, 0.5, …

    Of the rank and not of the first stage's score, whose scale differs by engine and query; and of the rank
    alone, so that the same hit gets the same amount in a window of any size.
    """
    return 1 / np.log2(1 + ranks.astype(np.float64))
