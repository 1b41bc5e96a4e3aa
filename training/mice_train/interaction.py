"""The MICE interaction layers in their plain form (arXiv 2602.16299, second-generation code).

Each layer is a copy of a backbone layer plus a cross-attention seeded from the same layer's self-attention:
query → document, then self-attention over the query, then the MLP. Documents are never updated. The plain form
is the definition; `pruned.py` computes the same faster, and `export.py` writes that form as a graph.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from mice_train.encoder import BLOCKED, Encoder, Layer, make_layer
from mice_train.pre_norm import PreNormLayer
from mice_train.projection import Projection
from mice_train.reader import Reader, start_reader
from mice_train.shape import Shape
from mice_train.source import Source
from mice_train.split import merge, split


class Block(nn.Module):
    """One interaction layer, a copy of the backbone's layer `number`; reads D-dimensional stored document states."""

    def __init__(self, shape: Shape, state_dims: int, number: int) -> None:
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.pre_norm = shape.pre_norm
        self.cross_query = nn.Linear(hidden, hidden)
        # no bias: a key bias adds the same to every document token's logit and leaves the softmax unchanged
        self.cross_key = nn.Linear(state_dims, hidden, bias=False)
        self.cross_value = nn.Linear(state_dims, hidden)
        self.cross_out = nn.Linear(hidden, hidden)
        self.cross_norm = nn.LayerNorm(hidden, shape.eps)
        self.layer = make_layer(shape, number)

    def asking(self, x: Tensor) -> Tensor:
        """What the cross-attention's queries are made from."""
        return self.cross_norm(x) if self.pre_norm else x

    def joined(self, x: Tensor, added: Tensor) -> Tensor:
        """The residual stream [B,Tq,H] with what the cross-attention read."""
        return x + added if self.pre_norm else self.cross_norm(x + added)

    def cross(self, x: Tensor, z: Tensor, document_bias: Tensor) -> Tensor:
        """x [B,Tq,H], z [B,Td,D], document_bias [B,1,1,Td] → [B,Tq,H]."""
        q, k, v = (split(p(s), self.heads) for p, s in
                   ((self.cross_query, self.asking(x)), (self.cross_key, z), (self.cross_value, z)))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + document_bias
        return self.joined(x, self.cross_out(merge(logits.softmax(-1) @ v)))

    def forward(self, x: Tensor, z: Tensor, document_bias: Tensor, query_bias: Tensor) -> Tensor:
        return self.layer(self.cross(x, z, document_bias), query_bias)


class Interaction(Reader):
    """Query states and stored document states → a score, to which the weighted cosine is added."""

    def __init__(self, shape: Shape, state_dims: int, blocks: int, bottom: int | None = None) -> None:
        """The blocks follow `bottom` layers; without it they are the backbone's last ones."""
        super().__init__(shape)
        first = shape.layers - blocks if bottom is None else bottom
        if not 0 < first <= shape.layers - blocks:
            raise ValueError(f"{first} bottom and {blocks} interaction layers do not fit: the backbone has "
                             f"{shape.layers} layers, of which at least one is the bottom")
        self.bottom = first
        self.blocks = nn.ModuleList(Block(shape, state_dims, first + number) for number in range(blocks))

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

    Pre-LN: the cross-attention's norm is the layer's own attention norm, whose gain and offset for the document's side
    the key and value weights take in (`Encoder.readable`). Post-LN: there is no norm whose output the residual stream
    could pass through unchanged after a cross-attention, and repeating the previous layer's would apply its gains
    twice. The cross-attention's norm therefore starts with one gain and one offset, the stream's average spread and
    mean: nearly the identity while the attention adds little.
    """
    streams = [states[None] for states in sample]
    layers = copy.deepcopy(encoder.layers[interaction.bottom : interaction.bottom + len(interaction.blocks)]).cpu()
    for block, layer in zip(interaction.blocks, layers, strict=True):
        block.layer.load_state_dict(layer.state_dict())
        block.cross_query.load_state_dict(layer.query.state_dict())
        block.cross_out.load_state_dict(layer.out.state_dict())
        seed_reading(block, layer, projection)
        if block.pre_norm:
            block.cross_norm.load_state_dict(layer.attention_norm.state_dict())
        else:
            tokens = torch.cat([stream[0] for stream in streams])
            block.cross_norm.weight.fill_(tokens.std(-1, unbiased=False).mean().item())
            block.cross_norm.bias.fill_(tokens.mean().item())
        streams = [layer(stream, torch.zeros(1, 1, 1, 1)) for stream in streams]
    start_reader(interaction, source)


def seed_reading(block: Block, layer: Layer | PreNormLayer, projection: Projection) -> None:
    """Keys and values of stored states z: the layer's, of mean + up z under its norm's gain and offset."""
    key, value = layer.key.weight, layer.value.weight
    offset = value @ projection.mean + layer.value.bias
    if block.pre_norm:
        gain, shift = layer.attention_norm.weight, layer.attention_norm.bias
        key, value = key * gain, value * gain
        offset = value @ projection.mean + layer.value.weight @ shift + layer.value.bias
    block.cross_key.weight.copy_(key @ projection.up)
    block.cross_value.weight.copy_(value @ projection.up)
    block.cross_value.bias.copy_(offset)
