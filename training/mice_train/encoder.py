"""The BERT encoder whose bottom both sides share (post-LN, absolute positions; token type 0 unless told otherwise)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mice_train.source import Shape, Source

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
        """Self-attention of `rows` [B,R,H] (some rows of x) over x [B,T,H], residual and norm."""
        q, k, v = (split(p(s), self.heads) for p, s in
                   ((self.query, rows), (self.key, x), (self.value, x)))
        context = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.attention_norm(rows + self.out(merge(context)))

    def mlp(self, x: Tensor) -> Tensor:
        return self.norm(x + self.down(F.gelu(self.up(x))))


def split(x: Tensor, heads: int) -> Tensor:
    """[B,T,H] → [B,heads,T,H/heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def merge(x: Tensor) -> Tensor:
    """[B,heads,T,w] → [B,T,heads·w]."""
    return x.transpose(1, 2).flatten(2)


class Encoder(nn.Module):
    """Token ids to states of every depth and to the pooled vector."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocab, shape.hidden)
        self.positions = nn.Embedding(shape.positions, shape.hidden)
        self.types = nn.Embedding(shape.types, shape.hidden)
        self.norm = nn.LayerNorm(shape.hidden, shape.eps)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    @property
    def type_zero(self) -> Tensor:
        """[H]: what every token of a text read alone gets added."""
        return self.types.weight[0]

    def embed(self, ids: Tensor, types: Tensor | None = None) -> Tensor:
        """ids, token types (None: all 0) [B,T] → [B,T,H]; positions start at 0 on both sides."""
        kinds = self.type_zero if types is None else self.types(types)
        return self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]] + kinds)

    def forward(self, ids: Tensor, mask: Tensor, depth: int) -> tuple[Tensor, Tensor]:
        """ids, mask [B,T] → (states after `depth` layers [B,T,H], unit vector [B,H])."""
        bias = (1.0 - mask[:, None, None, :].float()) * BLOCKED
        x = self.embed(ids)
        states = x
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, bias)
            if number == depth:
                states = x
        return states, pool(x, mask)


def pool(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the unmasked tokens, then unit length: [B,T,H], [B,T] → [B,H]."""
    weight = mask[..., None].to(torch.float32)
    mean = (states.float() * weight).sum(1) / weight.sum(1)
    return F.normalize(mean, dim=-1)


def load_encoder(source: Source) -> Encoder:
    encoder = Encoder(source.shape)
    w = source.weights
    state = {
        "words.weight": w["embeddings.word_embeddings.weight"],
        "positions.weight": w["embeddings.position_embeddings.weight"],
        "types.weight": w["embeddings.token_type_embeddings.weight"],
        "norm.weight": w["embeddings.LayerNorm.weight"],
        "norm.bias": w["embeddings.LayerNorm.bias"],
    }
    for number in range(source.shape.layers):
        for ours, theirs in LAYER_NAMES.items():
            for part in ("weight", "bias"):
                state[f"layers.{number}.{ours}.{part}"] = w[f"encoder.layer.{number}.{theirs}.{part}"]
    encoder.load_state_dict(state)
    return encoder.eval().requires_grad_(False)


LAYER_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
"""Our module names → the checkpoint's."""
