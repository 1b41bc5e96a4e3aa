"""Attention heads as an axis of their own, and back."""

from __future__ import annotations

from torch import Tensor


def split(x: Tensor, heads: int) -> Tensor:
    """[B,T,H] → [B,heads,T,H/heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge(x: Tensor) -> Tensor:
    """[B,heads,T,w] → [B,T,heads·w]."""
    return x.transpose(1, 2).flatten(2)
