"""What a token's id already says of its state, and the directions of what it does not.

The id of a stored token is cheap; its static embedding, mapped linearly, is a first guess of the state above it. What
is left to store is smaller (SDR, arXiv 2110.02065; Contextual Quantization, arXiv 2203.15328).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TOKEN_ID_BYTES = 2
DAMPING = 1e-3
"""Of the least squares, as a share of the embeddings' mean square."""


@dataclass(frozen=True)
class SideInformation:
    """expected [V,D] by token id; directions [D,D], orthonormal columns, those first in which states are farthest from
    what was expected."""

    expected: Tensor
    directions: Tensor


def fit_side_information(embeddings: Tensor, ids: Tensor, states: Tensor) -> SideInformation:
    """embeddings [V,E], ids [n] of tokens with their states [n,D]."""
    known = torch.cat([embeddings, torch.ones(len(embeddings), 1)], 1).double()
    given, wanted = known[ids], states.double()
    square = given.T @ given
    damped = square + DAMPING * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    expected = known @ torch.linalg.solve(damped, given.T @ wanted)
    rest = wanted - expected[ids]
    directions = torch.linalg.eigh(rest.T @ rest).eigenvectors.flip(1)
    return SideInformation(expected.float(), directions.float())
