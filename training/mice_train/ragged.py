"""Rows of unequal length as one flat array plus offsets, gathered into padded batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Row i is flat[offsets[i]:offsets[i+1]]."""

    flat: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    def row(self, index: int) -> np.ndarray:
        return self.flat[self.offsets[index] : self.offsets[index + 1]]

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """rows [n] → [n, longest, …], zeros after each row's end."""
        lengths = self.lengths[rows]
        out = np.zeros((len(rows), lengths.max(initial=1), *self.flat.shape[1:]), self.flat.dtype)
        for at, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            out[at, :length] = self.flat[self.offsets[row] : self.offsets[row] + length]
        return out


def from_lengths(flat: np.ndarray, lengths: np.ndarray) -> Ragged:
    return Ragged(flat, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


def by_token_budget(lengths: np.ndarray, budget: int) -> list[np.ndarray]:
    """Rows sorted by length, cut into batches of at most `budget` padded tokens."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    for at in range(1, len(order) + 1):
        if at == len(order) or (at + 1 - start) * lengths[order[at]] > budget:
            batches.append(order[start:at])
            start = at
    return batches
