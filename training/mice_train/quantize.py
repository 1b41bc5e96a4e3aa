"""Small integers with one scale per row: the form in which states (int8 or int4) and vectors (int8) are stored.

The rule is part of the bundle format and is written so that another language repeats it bit for bit, all in float32:
scale = max|x| / most, q = clamp(floor(x / scale + 0.5), -most, most) with `most` 127 or 7; a zero row has scale 0.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

StateDtype = Literal["int8", "int4"]
MOST: dict[StateDtype, int] = {"int8": 127, "int4": 7}
"""Largest absolute value of each type; symmetric, so int4 leaves −8 unused."""


def quantize(x: Tensor, dtype: StateDtype = "int8") -> tuple[Tensor, Tensor]:
    """x [..., D] → (int8 values [..., D], float32 scale [...])."""
    x, most = x.float(), MOST[dtype]
    scale = x.abs().amax(-1) / most
    divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
    q = torch.floor(x / divisor[..., None] + 0.5).clamp(-most, most)
    return q.to(torch.int8), scale


def dequantize(q: Tensor, scale: Tensor) -> Tensor:
    """int8 values [..., D], scale [...] → float32 [..., D]."""
    return q.float() * scale[..., None]
