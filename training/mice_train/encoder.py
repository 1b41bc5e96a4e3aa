"""The encoder whose bottom both sides share, in any family's shape."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mice_train.device import device
from mice_train.pre_norm import PreNormLayer
from mice_train.shape import Shape
from mice_train.source import Source
from mice_train.split import merge, split

BLOCKED = -1e9
"""Added to an attention logit that must not count; finite, so that a fully blocked row stays finite."""


class Layer(nn.Module):
    """One post-LN transformer layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, shape.eps)
        self.up = nn.Linear(hidden, shape.intermediate)
        self.down = nn.Linear(shape.intermediate, hidden)
        self.norm = nn.LayerNorm(hidden, shape.eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B,T,H], bias broadcastable to [B,heads,T,T] → [B,T,H]."""
        return self.mlp(self.attend(x, x, bias))

    def attend(self, rows: Tensor, x: Tensor, bias: Tensor) -> Tensor:
        """Self-attention of `rows` [B,R,H] (the first rows of x) over x [B,T,H], residual and norm."""
        q, k, v = (split(p(s), self.heads) for p, s in
                   ((self.query, rows), (self.key, x), (self.value, x)))
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.attention_norm(rows + self.out(merge(context)))

    def mlp(self, x: Tensor) -> Tensor:
        return self.norm(x + self.down(F.gelu(self.up(x))))


def make_layer(shape: Shape, number: int) -> Layer | PreNormLayer:
    """The layer that stands at `number` (from 0) in an encoder of this shape."""
    return PreNormLayer(shape, number) if shape.pre_norm else Layer(shape)


class Encoder(nn.Module):
    """Token ids to states of every depth and to the pooled vector."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.embedding_width
        self.words = nn.Embedding(shape.vocab, width)
        self.positions = None if shape.rotary else nn.Embedding(shape.positions, width)
        self.types = nn.Embedding(shape.types, width) if shape.types else None
        self.norm = nn.LayerNorm(width, shape.eps)
        self.project = nn.Identity() if width == shape.hidden else nn.Linear(width, shape.hidden)
        self.layers = nn.ModuleList(make_layer(shape, number) for number in range(shape.layers))
        self.final_norm = nn.LayerNorm(shape.hidden, shape.eps) if shape.pre_norm else nn.Identity()
        self.vector_layers: int | None = None
        """After how many layers the vector is taken; None: after all."""

    @property
    def type_zero(self) -> Tensor:
        """[E]: what every token of a text read alone gets added."""
        assert self.types is not None
        return self.types.weight[0]

    def embed(self, ids: Tensor, types: Tensor | None = None) -> Tensor:
        """ids, token types (None: all 0) [B,T] → [B,T,H]; positions start at 0 on both sides."""
        x = self.words(ids)
        if self.positions is not None:
            x = x + self.positions.weight[: ids.shape[1]]
        if self.types is not None:
            x = x + (self.type_zero if types is None else self.types(types))
        return self.project(self.norm(x))

    def forward(self, ids: Tensor, mask: Tensor, depth: int) -> tuple[Tensor, Tensor]:
        """ids, mask [B,T] → (states after `depth` layers [B,T,H], unit vector [B,H]). Precondition: depth is at most
        `vector_layers`."""
        [states], vector = self.read_to(ids, mask, [depth])
        return states, vector

    def read_to(self, ids: Tensor, mask: Tensor, depths: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """`forward` for several depths at once."""
        bias = (1.0 - mask[:, None, None, :].float()) * BLOCKED
        x = self.embed(ids)
        found = {0: x}
        for number, layer in enumerate(self.layers[: self.vector_layers], start=1):
            x = layer(x, bias)
            if number in depths:
                found[number] = x
        return [found[depth] for depth in depths], self.pooled(x, mask)

    def pooled(self, x: Tensor, mask: Tensor) -> Tensor:
        """Last states [B,T,H], mask [B,T] → unit vectors [B,H]."""
        return pool(self.final_norm(x), mask)

    def readable(self, states: Tensor) -> Tensor:
        """States [...,H] as the cross-attention reads them, less the reading layer's own gain and offset.

        After post-LN layers they are normalised already. After pre-LN layers every reading layer normalises them for
        itself; but for gain and offset, which its key and value weights take in, that is the same for all layers.
        """
        return F.layer_norm(states, states.shape[-1:], eps=self.shape.eps) if self.shape.pre_norm else states


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the unmasked tokens, then unit length: [B,T,H], [B,T] → [B,H]."""
    weight = mask[..., None].to(torch.float32)
    mean = (states.float() * weight).sum(1) / weight.sum(1)
    return F.normalize(mean, dim=-1)


def load_encoder(source: Source) -> Encoder:
    encoder = Encoder(source.shape)
    encoder.load_state_dict(source.encoder_state)
    encoder.vector_layers = source.reading.vector_layers
    return encoder.to(device()).eval().requires_grad_(False)
