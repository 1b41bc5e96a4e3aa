"""The MICE interaction layers in their plain form (arXiv 2602.16299, second-generation code).

Each layer is a copy of a backbone layer plus a cross-attention seeded from the same layer's self-attention:
query → document, then self-attention over the query, then the MLP. Documents are never updated. The plain form
is the definition; `pruned.py` computes the same faster, and `export.py` writes that form as a graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mice_train.encoder import BLOCKED, Encoder, Layer, merge, split
from mice_train.projection import Projection
from mice_train.source import Shape, Source

COSINE_WEIGHT = 20.0
"""Where the weight of the cosine starts: the scale all-MiniLM-L6-v2 was itself trained with."""


class Block(nn.Module):
    """One interaction layer; reads D-dimensional stored document states."""

    def __init__(self, shape: Shape, state_dims: int) -> None:
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.cross_query = nn.Linear(hidden, hidden)
        # no bias: a key bias adds the same to every document token's logit and leaves the softmax unchanged
        self.cross_key = nn.Linear(state_dims, hidden, bias=False)
        self.cross_value = nn.Linear(state_dims, hidden)
        self.cross_out = nn.Linear(hidden, hidden)
        self.cross_norm = nn.LayerNorm(hidden, shape.eps)
        self.layer = Layer(shape)

    def cross(self, x: Tensor, z: Tensor, document_bias: Tensor) -> Tensor:
        """x [B,Tq,H], z [B,Td,D], document_bias [B,1,1,Td] → [B,Tq,H]."""
        q, k, v = (split(p(s), self.heads) for p, s in
                   ((self.cross_query, x), (self.cross_key, z), (self.cross_value, z)))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + document_bias
        return self.cross_norm(x + self.cross_out(merge(logits.softmax(-1) @ v)))

    def forward(self, x: Tensor, z: Tensor, document_bias: Tensor, query_bias: Tensor) -> Tensor:
        return self.layer(self.cross(x, z, document_bias), query_bias)


class Interaction(nn.Module):
    """Query states and stored document states → a score, to which the weighted cosine is added."""

    def __init__(self, shape: Shape, state_dims: int, blocks: int) -> None:
        super().__init__()
        self.shape = shape
        self.blocks = nn.ModuleList(Block(shape, state_dims) for _ in range(blocks))
        self.pooler = nn.Linear(shape.hidden, shape.hidden)
        self.head = nn.Linear(shape.hidden, 1)
        self.log_cosine_weight = nn.Parameter(torch.tensor(math.log(COSINE_WEIGHT)))

    @property
    def cosine_weight(self) -> Tensor:
        return self.log_cosine_weight.exp()

    def set_cosine_weight(self, weight: float) -> None:
        with torch.no_grad():
            self.log_cosine_weight.fill_(math.log(weight))

    def read(self, cls: Tensor) -> Tensor:
        """`[CLS]` rows [B,H] → scores [B]."""
        return self.head(torch.tanh(self.pooler(cls))).squeeze(-1)

    def forward(self, x: Tensor, query_mask: Tensor, z: Tensor, document_mask: Tensor) -> Tensor:
        """x [B,Tq,H], z [B,Td,D], masks [B,T] → interaction scores [B] (without the cosine)."""
        query_bias = self_attention_bias(query_mask)
        document_bias = padding_bias(document_mask)
        for block in self.blocks:
            x = block(x, z, document_bias, query_bias)
        return self.read(x[:, 0])


def padding_bias(mask: Tensor) -> Tensor:
    """mask [B,T] → [B,1,1,T]."""
    return (1.0 - mask[:, None, None, :].float()) * BLOCKED


def self_attention_bias(query_mask: Tensor) -> Tensor:
    """mask [B,T] → [B,1,T,T]: padding blocked, and column 0 (`[CLS]`) blocked for every other row."""
    length = query_mask.shape[1]
    rows, columns = torch.arange(length)[:, None], torch.arange(length)[None, :]
    reads_cls = ((rows > 0) & (columns == 0)).float() * BLOCKED
    return torch.minimum(padding_bias(query_mask), reads_cls.to(query_mask.device))


@torch.no_grad()
def seed(
    interaction: Interaction, source: Source, encoder: Encoder, projection: Projection, sample: Iterable[Tensor]
) -> None:
    """Copies the backbone's layers above the bottom; `sample` = query states [T,H] of layer k.

    The head starts at zero, so the score starts as the weighted cosine. Post-LN BERT has no norm whose output
    the residual stream could pass through unchanged after a cross-attention, and repeating the previous layer's
    would apply its gains twice. The cross-attention's norm therefore starts with one gain and one offset, the
    stream's average spread and mean: nearly the identity while the attention adds little.
    """
    first = len(encoder.layers) - len(interaction.blocks)
    streams = [states[None] for states in sample]
    for block, layer in zip(interaction.blocks, encoder.layers[first:], strict=True):
        block.layer.load_state_dict(layer.state_dict())
        block.cross_query.load_state_dict(layer.query.state_dict())
        block.cross_key.weight.copy_(layer.key.weight @ projection.up)
        block.cross_value.weight.copy_(layer.value.weight @ projection.up)
        block.cross_value.bias.copy_(layer.value.weight @ projection.mean + layer.value.bias)
        block.cross_out.load_state_dict(layer.out.state_dict())
        tokens = torch.cat([stream[0] for stream in streams])
        block.cross_norm.weight.fill_(tokens.std(-1, unbiased=False).mean().item())
        block.cross_norm.bias.fill_(tokens.mean().item())
        streams = [layer(stream, torch.zeros(1, 1, 1, 1)) for stream in streams]
    interaction.pooler.weight.copy_(source.weights["pooler.dense.weight"])
    interaction.pooler.bias.copy_(source.weights["pooler.dense.bias"])
    nn.init.zeros_(interaction.head.weight)
    nn.init.zeros_(interaction.head.bias)
