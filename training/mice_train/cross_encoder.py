"""The cross-encoder that everything is derived from: query and passage read together by all layers.

score = what a `Reader` makes of `[CLS]` + weight × cosine of the two vectors of the encoder it started from. A
checkpoint without a head gets a zero one: the ranking starts as the encoder's own, and training only has to add to it.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from mice_train.device import device
from mice_train.encoder import Encoder
from mice_train.interaction import padding_bias
from mice_train.reader import Reader, start_reader
from mice_train.source import Source


class CrossEncoder(Reader):
    """ids, types, mask [B,T] → scores [B] without the cosine."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder.shape)
        self.encoder = encoder

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor, frozen: int = 0) -> Tensor:
        """`frozen` = bottom layers (and the embeddings) that no gradient is wanted for."""
        return self.read(self.cls(ids, types, mask, frozen))

    def cls(self, ids: Tensor, types: Tensor, mask: Tensor, frozen: int = 0) -> Tensor:
        """→ last layer's `[CLS]` rows [B,H]; the last layer computes no other row. Where the head reads the mean of the
        tokens, that, normalised."""
        bias = padding_bias(mask)
        *below, last = self.encoder.layers
        with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
            x = self.encoder.embed(ids, types)
        for number, layer in enumerate(below):
            with torch.set_grad_enabled(torch.is_grad_enabled() and number >= frozen):
                x = layer(x, bias)
        if self.shape.mean_read:
            weight = mask[..., None].to(x.dtype)
            return (self.final_norm(last(x, bias)) * weight).sum(1) / weight.sum(1)
        return last.mlp(last.attend(x[:, :1], x, bias))[:, 0]

    def read(self, cls: Tensor) -> Tensor:
        """What `cls` gives [B,H] → scores [B]."""
        return self.score(cls) if self.shape.mean_read else super().read(cls)


@torch.no_grad()
def fresh_cross_encoder(source: Source, encoder: Encoder) -> CrossEncoder:
    """A copy of the encoder's layers under the checkpoint's head, or under a zero one."""
    model = CrossEncoder(copy.deepcopy(encoder))
    start_reader(model, source)
    return model.to(device())
