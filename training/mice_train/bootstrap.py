"""Paired bootstrap over queries: the range a difference of two ways could have had with other queries of the kind."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
SEED = 0
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Difference:
    """The measured mean difference and its 95% interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def difference(differences: Mapping[str, np.ndarray], draws: int = DRAWS) -> Difference:
    """Of set → one difference a query. With several sets it is the mean of the sets' means: each set's queries are
    drawn for themselves, so a large set weighs no more than a small one."""
    drawn = np.mean([drawn_means(name, values, draws) for name, values in differences.items()], axis=0)
    mean = np.mean([np.mean(values) for values in differences.values()])
    low, high = np.percentile(drawn, PERCENTILES)
    return Difference(float(mean), float(low), float(high))


def drawn_means(name: str, values: np.ndarray, draws: int) -> np.ndarray:
    """[draws] means of as many queries as there are, drawn with replacement. A set's draws hang on its name, so they
    are the same whatever else is measured, and for every pair of ways."""
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    return np.array([values[generator.integers(0, len(values), len(values))].mean() for _ in range(draws)])
