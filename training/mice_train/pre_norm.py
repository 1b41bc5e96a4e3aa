"""ModernBERT's layer: norms before attention and MLP, rotary positions, a sliding window where it is local, GeGLU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mice_train.shape import Shape
from mice_train.split import merge, split

OUT_OF_REACH = -1e9
"""Added to the logits of tokens outside of the window."""


class PreNormLayer(nn.Module):
    """The same parts under the same names as `Layer`, wired in another order."""

    def __init__(self, shape: Shape, number: int) -> None:
        super().__init__()
        hidden = shape.hidden
        self.heads = shape.heads
        self.rotary = shape.rotary[number]
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, hidden)
        # the embeddings come normalised
        self.attention_norm = nn.LayerNorm(hidden, shape.eps) if number else nn.Identity()
        self.up = nn.Linear(hidden, 2 * shape.intermediate)
        self.down = nn.Linear(shape.intermediate, hidden)
        self.norm = nn.LayerNorm(hidden, shape.eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """x [B,T,H], bias broadcastable to [B,heads,T,T] → [B,T,H]."""
        return self.mlp(self.attend(x, x, bias))

    def attend(self, rows: Tensor, x: Tensor, bias: Tensor) -> Tensor:
        """Self-attention of `rows` [B,R,H] (the first rows of x) over x [B,T,H], and the residual."""
        read = self.attention_norm(x)
        asking = read[:, : rows.shape[1]]
        q, k, v = (split(p(s), self.heads) for p, s in
                   ((self.query, asking), (self.key, read), (self.value, read)))
        turned_q, turned_k = (turn(s, self.rotary.base) for s in (q, k))
        if self.rotary.reach is not None:
            bias = bias + window_bias(rows.shape[1], x.shape[1], self.rotary.reach).to(bias.device)
        context = F.scaled_dot_product_attention(turned_q, turned_k, v, attn_mask=bias.to(v.dtype))
        return rows + self.out(merge(context))

    def mlp(self, x: Tensor) -> Tensor:
        inner, gate = self.up(self.norm(x)).chunk(2, dim=-1)
        return x + self.down(F.gelu(inner) * gate)


def angles(tokens: int, width: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines [tokens,width] that positions 0 … tokens−1 are turned by; both halves of the width alike."""
    frequency = base ** (-torch.arange(0, width, 2, dtype=torch.float) / width)
    angle = torch.arange(tokens, dtype=torch.float)[:, None] * frequency
    both = torch.cat([angle, angle], -1)
    return both.cos(), both.sin()


def turn(x: Tensor, base: float) -> Tensor:
    """Rotary positions: x [B,heads,T,w] → the same, pairs (i, i + w/2) turned by their token's angle."""
    cosine, sine = (a.to(x.device) for a in angles(x.shape[2], x.shape[3], base))
    wide = x if x.dtype == torch.float64 else x.float()
    first, second = wide.chunk(2, dim=-1)
    return (wide * cosine + torch.cat([-second, first], -1) * sine).to(x.dtype)


def window_bias(rows: int, columns: int, reach: int) -> Tensor:
    """[rows,columns]: OUT_OF_REACH where a row's token is more than `reach` from a column's."""
    far = (torch.arange(rows)[:, None] - torch.arange(columns)[None]).abs() > reach
    return far.float() * OUT_OF_REACH
