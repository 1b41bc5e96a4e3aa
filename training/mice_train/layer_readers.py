"""What layers read of the states below them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from mice_train.encoder import Layer
from mice_train.pre_norm import PreNormLayer


def readers_of(layers: Iterable[Layer | PreNormLayer]) -> Tensor:
    """Key and value weights of the layers, stacked [R,H], as maps of `Encoder.readable` states: a pre-LN layer's norm
    gain is taken in."""
    rows = []
    for layer in layers:
        gain = layer.attention_norm.weight if isinstance(layer, PreNormLayer) else 1.0
        rows += [layer.key.weight * gain, layer.value.weight * gain]
    return torch.cat(rows)
