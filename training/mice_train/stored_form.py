"""The states as a bundle stores them: fewer dimensions, turned so that four bits serve each of them alike.

Passages are encoded once at the full width of the fitted projection in int8; any narrower or coarser form is made
from that. A random rotation within the kept directions spreads a token's values evenly, which lowers the rounding
error of int4 by a quarter and costs nothing: it is part of the projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from mice_train.encode import StoredPassages
from mice_train.projection import Projection
from mice_train.quantize import StateDtype, quantize
from mice_train.ragged import from_lengths

ROTATION_SEED = 0
PASSAGES_AT_ONCE = 2048
LEAST_NORM = 1e-12
"""Of a row that is divided by its norm."""

TokensKept = Literal["all", "merged"]
"""merged: a third of a passage's states less, see `merged_neighbours`."""


@dataclass(frozen=True)
class StoredForm:
    """dims values a token, each int4 or int8, and one float32 scale."""

    dims: int
    dtype: StateDtype
    tokens: TokensKept = "all"

    @property
    def bytes_per_token(self) -> float:
        return self.dims * (0.5 if self.dtype == "int4" else 1) + 4


def rotation(dims: int) -> Tensor:
    """A fixed random orthogonal matrix [dims,dims]."""
    generator = torch.Generator().manual_seed(ROTATION_SEED)
    return torch.linalg.qr(torch.randn(dims, dims, generator=generator))[0]


def narrowed(projection: Projection, form: StoredForm) -> Projection:
    """The projection whose states are stored: its first directions, turned."""
    turn = rotation(form.dims)
    return Projection(projection.mean, turn.T @ projection.down[: form.dims], projection.up[:, : form.dims] @ turn)


def merged_neighbours(states: np.ndarray) -> np.ndarray:
    """States of a passage [T,D] float32 → fewer: the most alike pairs of neighbours become their means, until a third
    of the tokens is gone. `[CLS]` and `[SEP]` stay."""
    count = len(states)
    unit = states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), LEAST_NORM)
    likeness = (unit[1:-2] * unit[2:-1]).sum(1)
    merged, left = np.zeros(count, bool), count // 3
    for first in np.argsort(-likeness, kind="stable") + 1:
        if left and not merged[first - 1 : first + 2].any():
            merged[first] = True
            left -= 1
    out = states.copy()
    firsts = np.flatnonzero(merged)
    out[firsts] = (states[firsts] + states[firsts + 1]) / 2
    return np.delete(out, firsts + 1, axis=0)


def kept_states(states: np.ndarray, tokens: TokensKept) -> np.ndarray:
    """Of a passage's states [T,D] float32, those that are stored."""
    return merged_neighbours(states) if tokens == "merged" else states


def stored_as(passages: StoredPassages, form: StoredForm) -> StoredPassages:
    """Wide int8 passages in the stored form."""
    turn, flat, offsets = rotation(form.dims), passages.states.flat, passages.states.offsets
    values, scales, lengths = [], [], []
    for start in range(0, len(passages.states), PASSAGES_AT_ONCE):
        ends = offsets[start : start + PASSAGES_AT_ONCE + 1]
        part = slice(ends[0], ends[-1])
        wide = torch.from_numpy(flat[part, : form.dims]).float() * torch.from_numpy(passages.scales[part])[:, None]
        rows = [kept_states(one, form.tokens) for one in np.split((wide @ turn).numpy(), (ends - ends[0])[1:-1])]
        q, scale = quantize(torch.from_numpy(np.concatenate(rows)), form.dtype)
        values.append(q.numpy())
        scales.append(scale.numpy())
        lengths.extend(map(len, rows))
    states = from_lengths(np.concatenate(values), np.array(lengths))
    return StoredPassages(states, np.concatenate(scales), passages.vectors)
