"""The cross-encoder that everything is derived from: query and passage read together by all layers.

score = head(tanh(pooler(`[CLS]`))) + weight × cosine of the two vectors of the encoder it started from. The head starts
at zero, so the ranking starts as the encoder's own, and training only has to add to it.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from mice_train.encoder import Encoder
from mice_train.interaction import COSINE_WEIGHT, padding_bias
from mice_train.source import Source


class CrossEncoder(nn.Module):
    """ids, types, mask [B,T] → scores [B] without the cosine."""

    def __init__(self, encoder: Encoder, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooler = nn.Linear(hidden, hidden)
        self.head = nn.Linear(hidden, 1)
        self.log_cosine_weight = nn.Parameter(torch.tensor(math.log(COSINE_WEIGHT)))

    @property
    def cosine_weight(self) -> Tensor:
        return self.log_cosine_weight.exp()

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor, frozen: int = 0) -> Tensor:
        """`frozen` = bottom layers (and the embeddings) that no gradient is wanted for."""
        return self.read(self.cls(ids, types, mask, frozen))

    def cls(self, ids: Tensor, types: Tensor, mask: Tensor, frozen: int = 0) -> Tensor:
        """→ last layer's `[CLS]` rows [B,H]; the last layer computes no other row."""
        bias = padding_bias(mask)
        *below, last = self.encoder.layers
        with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
            x = self.encoder.embed(ids, types)
        for number, layer in enumerate(below):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= frozen):
                x = layer(x, bias)
        return last.mlp(last.attend(x[:, :1], x, bias))[:, 0]

    def read(self, cls: Tensor) -> Tensor:
        """`[CLS]` rows [B,H] → scores [B]."""
        return self.head(torch.tanh(self.pooler(cls))).squeeze(-1)


@torch.no_grad()
def fresh_cross_encoder(source: Source, encoder: Encoder) -> CrossEncoder:
    """A copy of the encoder's layers under a zero head."""
    model = CrossEncoder(copy.deepcopy(encoder), source.shape.hidden)
    model.pooler.weight.copy_(source.weights["pooler.dense.weight"])
    model.pooler.bias.copy_(source.weights["pooler.dense.bias"])
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    return model
