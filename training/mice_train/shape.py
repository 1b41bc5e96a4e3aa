"""Sizes and wiring of an encoder, whatever family its checkpoint belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Family = Literal["bert", "electra", "modernbert"]


@dataclass(frozen=True)
class Rotary:
    """How a layer of a family without position embeddings knows where tokens stand: queries and keys are turned by
    angles of base `base`, and a token reads those at most `reach` away on either side (None: all)."""

    base: float
    reach: int | None = None


@dataclass(frozen=True)
class Shape:
    """Names as in a BERT config.json, shortened."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    vocab: int
    positions: int
    eps: float
    types: int = 2
    """Token types; 0 where the family has none."""
    family: Family = "bert"
    embedding: int | None = None
    """Width of the embeddings where it is not `hidden`: they are projected then."""
    rotary: tuple[Rotary, ...] = ()
    """One a layer, and then no position embeddings; empty for families that have these."""
    mean_read: bool = False
    """Whether the cross-encoder's head reads the mean of the tokens instead of `[CLS]`."""

    @property
    def head_width(self) -> int:
        return self.hidden // self.heads

    @property
    def embedding_width(self) -> int:
        return self.embedding or self.hidden

    @property
    def pre_norm(self) -> bool:
        """Whether norms stand before attention and MLP, and the residual stream is never normalised."""
        return self.family == "modernbert"
