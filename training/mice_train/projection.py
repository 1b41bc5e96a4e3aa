"""The fixed linear map from layer-k states to the stored ones.

Of the directions of a state only those matter that the interaction layers' keys and values read. With C the
covariance of the states and W the stacked key and value weights of these layers, the map keeps the top right
singular directions of W C^(1/2): the best rank-D approximation of W x over the data. Coordinates are
whitened to unit variance, then shrunk towards equal spread, so that one int8 scale per token serves all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EVENNESS = 0.5
"""0 keeps each direction's share of W x (large first), 1 gives every coordinate the same variance."""


@dataclass(frozen=True)
class Projection:
    """z = down (x − mean) [D]; x ≈ mean + up z."""

    mean: Tensor  # [H]
    down: Tensor  # [D,H]
    up: Tensor  # [H,D]

    def project(self, x: Tensor) -> Tensor:
        """[..., H] → [..., D]."""
        return (x - self.mean) @ self.down.T


def fit_projection(states: Tensor, readers: Tensor, dims: int) -> Projection:
    """states [n,H] sampled token states, readers [R,H] stacked key/value weights → `dims` coordinates."""
    x = states.double()
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    values, vectors = torch.linalg.eigh(covariance)
    root = vectors * values.clamp_min(values.max() * 1e-9).sqrt() @ vectors.T
    _, singular, right = torch.linalg.svd(readers.double() @ root, full_matrices=False)
    spread = (singular[:dims] / singular[:dims].mean()) ** (1 - EVENNESS)
    down = spread[:, None] * (right[:dims] @ torch.linalg.inv(root))
    up = (root @ right[:dims].T) / spread
    return Projection(mean.float(), down.float(), up.float())


def explained(projection: Projection, states: Tensor, readers: Tensor) -> float:
    """Share of the variance of W x that survives the projection, 0 to 1."""
    centred = (states - projection.mean) @ readers.T
    kept = projection.project(states) @ (readers @ projection.up).T
    return 1 - ((centred - kept).square().sum() / centred.square().sum()).item()
