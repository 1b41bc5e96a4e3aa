"""The MICE interaction layers in their plain form (arXiv 2602.16299, second-generation code).

Each layer is a copy of a backbone layer plus a cross-attention seeded from the same layer's self-attention:
query → document, then self-attention over the query, then the MLP. Documents are never updated. The plain form
is the definition; `pruned.py` computes the same faster, and `export.py` writes that form as a graph.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from mice_train.block_form import PLAIN, BlockForm, heaviest_units, one_key, one_value
from mice_train.encoder import BLOCKED, Encoder, Layer, make_layer
from mice_train.pre_norm import PreNormLayer
from mice_train.projection import Projection
from mice_train.reader import Reader, start_reader
from mice_train.shape import Shape
from mice_train.source import Source
from mice_train.split import merge, split


class Block(nn.Module):
    """One interaction layer, a copy of the backbone's layer `number`; reads D-dimensional stored document states."""

    def __init__(self, shape: Shape, state_dims: int, number: int, form: BlockForm = PLAIN) -> None:
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.read_heads = 1 if form.one_head else shape.heads
        self.pre_norm = shape.pre_norm
        self.cross_query = nn.Linear(hidden, hidden)
        read = self.read_heads * shape.head_width
        # no bias: a key bias adds the same to every document token's logit and leaves the softmax unchanged
        self.cross_key = nn.Linear(state_dims, read, bias=False)
        self.cross_value = nn.Linear(state_dims, read)
        self.cross_out = nn.Linear(hidden, hidden)
        self.cross_norm = nn.LayerNorm(hidden, shape.eps)
        self.lexical = nn.Linear(state_dims, hidden, bias=False) if form.lexical else None
        self.layer = make_layer(replace(shape, intermediate=form.mlp or shape.intermediate), number)

    def asking(self, x: Tensor) -> Tensor:
        """What the cross-attention's queries are made from."""
        return self.cross_norm(x) if self.pre_norm else x

    def joined(self, x: Tensor, added: Tensor) -> Tensor:
        """The residual stream [B,Tq,H] with what the cross-attention read."""
        return x + added if self.pre_norm else self.cross_norm(x + added)

    def cross(self, x: Tensor, z: Tensor, document_bias: Tensor, same: Tensor | None = None) -> Tensor:
        """x [B,Tq,H], z [B,Td,D], document_bias [B,1,1,Td], same [B,Tq,D] (for a lexical one) → [B,Tq,H]."""
        q = split(self.cross_query(self.asking(x)), self.heads)
        k, v = (split(p(z), self.read_heads) for p in (self.cross_key, self.cross_value))
        logits = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + document_bias
        added = self.cross_out(merge(logits.softmax(-1) @ v))
        return self.joined(x, added if self.lexical is None else added + self.lexical(same))

    def forward(
        self, x: Tensor, z: Tensor, document_bias: Tensor, query_bias: Tensor, same: Tensor | None = None
    ) -> Tensor:
        return self.layer(self.cross(x, z, document_bias, same), query_bias)


class Interaction(Reader):
    """Query states and stored document states → a score, to which the weighted cosine is added."""

    def __init__(
        self, shape: Shape, state_dims: int, blocks: int, bottom: int | None = None, form: BlockForm = PLAIN
    ) -> None:
        """The blocks follow `bottom` layers; without it they are the backbone's last ones."""
        super().__init__(shape)
        first = shape.layers - blocks if bottom is None else bottom
        if not 0 < first <= shape.layers - blocks:
            raise ValueError(f"{first} bottom and {blocks} interaction layers do not fit: the backbone has "
                             f"{shape.layers} layers, of which at least one is the bottom")
        self.bottom = first
        self.blocks = nn.ModuleList(Block(shape, state_dims, first + number, form) for number in range(blocks))
        self.form = form

    def forward(
        self, x: Tensor, query_mask: Tensor, z: Tensor, document_mask: Tensor, alike: Tensor | None = None
    ) -> Tensor:
        """x [B,Tq,H], z [B,Td,D], masks [B,T], alike [B,Tq,Td] (for lexical blocks, see `same_tokens`) → interaction
        scores [B] (without the cosine)."""
        query_bias = self_attention_bias(query_mask)
        document_bias = padding_bias(document_mask)
        same = None if alike is None else alike @ z
        for block in self.blocks:
            x = block(x, z, document_bias, query_bias, same)
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


def same_tokens(
    query_ids: Tensor, query_mask: Tensor, document_ids: Tensor, document_mask: Tensor
) -> Tensor:
    """Ids and masks [B,Tq], [B,N,Td] → [B,N,Tq,Td]: the weights of a document's tokens in the mean of those that are
    the query token's own; all 0 where there is none."""
    alike = (query_ids[:, None, :, None] == document_ids[:, :, None, :]).float()
    alike = alike * query_mask[:, None, :, None] * document_mask[:, :, None, :]
    return alike / alike.sum(-1, keepdim=True).clamp_min(1)


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
    units = interaction.form.mlp
    for block, layer in zip(interaction.blocks, layers, strict=True):
        whole = layer.state_dict()
        block.layer.load_state_dict(whole if units is None else heaviest_units(whole, units))
        seed_cross(block, layer, projection)
        if block.pre_norm:
            block.cross_norm.load_state_dict(layer.attention_norm.state_dict())
        else:
            tokens = torch.cat([stream[0] for stream in streams])
            block.cross_norm.weight.fill_(tokens.std(-1, unbiased=False).mean().item())
            block.cross_norm.bias.fill_(tokens.mean().item())
        streams = [layer(stream, torch.zeros(1, 1, 1, 1)) for stream in streams]
    start_reader(interaction, source)


def seed_cross(block: Block, layer: Layer | PreNormLayer, projection: Projection) -> None:
    """The layer's own attention, with keys and values of stored states z: those of mean + up z under its norm's gain
    and offset. One head for all is the nearest to that; a lexical head starts by adding nothing."""
    key, value = layer.key.weight, layer.value.weight
    offset = value @ projection.mean + layer.value.bias
    if block.pre_norm:
        gain, shift = layer.attention_norm.weight, layer.attention_norm.bias
        key, value = key * gain, value * gain
        offset = value @ projection.mean + layer.value.weight @ shift + layer.value.bias
    key, value = key @ projection.up, value @ projection.up
    query, query_bias, out, out_bias = layer.query.weight, layer.query.bias, layer.out.weight, layer.out.bias
    if block.read_heads == 1:
        query, query_bias, key = one_key(query, query_bias, key, block.heads)
        out_bias = out_bias + out @ offset
        offset = torch.zeros_like(block.cross_value.bias)
        out, value = one_value(out, value, block.heads)
    for module, weight, bias in ((block.cross_query, query, query_bias), (block.cross_key, key, None),
                                 (block.cross_value, value, offset), (block.cross_out, out, out_bias)):
        module.weight.copy_(weight)
        if bias is not None:
            module.bias.copy_(bias)
    if block.lexical is not None:
        nn.init.zeros_(block.lexical.weight)
