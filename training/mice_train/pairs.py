"""Query and passage ids as one sequence, and many such pairs as batches of even length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mice_train.device import device
from mice_train.ragged import by_token_budget


@dataclass(frozen=True)
class PairBatch:
    """`rows` = which of the pairs; ids, types (0 query, 1 passage), mask int64 [B,T]."""

    rows: np.ndarray
    ids: Tensor
    types: Tensor
    mask: Tensor


def pair(query: list[int], passage: list[int], limit: int) -> tuple[list[int], list[int]]:
    """`[CLS] … [SEP]` of either side → ids and types of `[CLS] query [SEP] passage [SEP]`, at most `limit` tokens.

    Only the passage is cut; its final `[SEP]` stays. Precondition: the query leaves room for two tokens.
    """
    rest = passage[1:]
    room = limit - len(query)
    if len(rest) > room:
        rest = [*rest[: room - 1], passage[-1]]
    return query + rest, [0] * len(query) + [1] * len(rest)


def pair_batches(pairs: list[tuple[list[int], list[int]]], budget: int) -> Iterator[PairBatch]:
    """Pairs of `pair` sorted by length, at most `budget` padded tokens at a time."""
    lengths = np.array([len(ids) for ids, _ in pairs])
    for rows in by_token_budget(lengths, budget):
        longest = int(lengths[rows].max())
        ids, types, mask = (torch.zeros(len(rows), longest, dtype=torch.int64) for _ in range(3))
        for at, row in enumerate(rows):
            length = lengths[row]
            ids[at, :length] = torch.tensor(pairs[row][0])
            types[at, :length] = torch.tensor(pairs[row][1])
            mask[at, :length] = 1
        yield PairBatch(rows, ids.to(device()), types.to(device()), mask.to(device()))
