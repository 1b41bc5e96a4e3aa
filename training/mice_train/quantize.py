"""int8 with one scale per row: the form in which states and vectors are stored.

The rule is part of the bundle format and is written so that another language repeats it bit for bit:
scale = max|x| / 127 in float32, q = clamp(floor(x / scale + 0.5), -127, 127); a zero row has scale 0.
"""

from __future__ import annotations

import torch
from torch import Tensor


def quantize(x: Tensor) -> tuple[Tensor, Tensor]:
    """x [..., D] → (int8 [..., D], float32 scale [...])."""
    x = x.float()
    scale = x.abs().amax(-1) / 127
    divisor = torch.where(scale > 0, scale, torch.ones_like(scale))
    q = torch.floor(x / divisor[..., None] + 0.5).clamp(-127, 127)
    return q.to(torch.int8), scale


def dequantize(q: Tensor, scale: Tensor) -> Tensor:
    """int8 [..., D], scale [...] → float32 [..., D]."""
    return q.float() * scale[..., None]
