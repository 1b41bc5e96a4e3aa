"""The states as a bundle stores them: fewer dimensions, turned so that four bits serve each of them alike.

Passages are encoded once at the full width of the fitted projection in int8; any narrower or coarser form is made
from that. A random rotation within the kept directions spreads a token's values evenly, which lowers the rounding
error of int4 by a quarter and costs nothing: it is part of the projection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mice_train.encode import StoredPassages
from mice_train.projection import Projection
from mice_train.quantize import MOST, StateDtype
from mice_train.ragged import Ragged

LEVELS = MOST
ROTATION_SEED = 0
ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class StoredForm:
    """dims values a token, each int4 or int8, and one float32 scale."""

    dims: int
    dtype: StateDtype

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


def round_rows(x: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """x [n,D] → whole values in ±levels as int8 [n,D], scale [n]."""
    scale = x.abs().amax(-1) / levels
    divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
    return torch.floor(x / divisor[:, None] + 0.5).clamp(-levels, levels).to(torch.int8), scale


def stored_as(passages: StoredPassages, form: StoredForm) -> StoredPassages:
    """Wide int8 passages in the stored form."""
    turn, flat = rotation(form.dims), passages.states.flat
    values = np.empty((len(flat), form.dims), np.int8)
    scales = np.empty(len(flat), np.float32)
    for start in range(0, len(flat), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        wide = torch.from_numpy(flat[part, : form.dims]).float() * torch.from_numpy(passages.scales[part])[:, None]
        q, scale = round_rows(wide @ turn, LEVELS[form.dtype])
        values[part], scales[part] = q.numpy(), scale.numpy()
    return StoredPassages(Ragged(values, passages.states.offsets), scales, passages.vectors)
