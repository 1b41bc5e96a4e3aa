"""What an interaction layer is made of, where it is not a plain copy of its backbone layer, and how such a layer starts
from the copy's weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BlockForm:
    """Left alone it is the backbone layer with a cross-attention of as many heads."""

    one_head: bool = False
    """One key and one value head that all query heads read: documents are met in the width of a head."""
    mlp: int | None = None
    """Units of the query's MLP; null: the backbone's."""
    lexical: bool = False
    """Whether a query token also reads the mean of the document's states with its own token id ("Lex" in the paper)."""


PLAIN = BlockForm()


def one_key(query: Tensor, query_bias: Tensor, key: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """query [H,H], its bias [H], key [H,D] of `heads` heads of width w → (query, bias, key [w,D]): the best
    approximation (in squares) of every head's logits, as a map of what the query and the document read, in which the
    key is the same for all."""
    asked = torch.cat([query, query_bias[:, None]], 1).unflatten(0, (heads, -1))  # [heads,w,H+1]
    logits = key.unflatten(0, (heads, -1)).mT @ asked  # [heads,D,H+1]
    width = asked.shape[1]
    left = torch.linalg.svd(torch.cat(list(logits), 1), full_matrices=False).U[:, :width]  # [D,w]
    turned = (left.T @ logits).flatten(0, 1)
    return turned[:, :-1], turned[:, -1], left.T


def one_value(out: Tensor, value: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """out [H,H], value [H,D] of `heads` heads of width w → (out, value [w,D]): the best approximation (in squares) of
    what every head adds of a document state, in which the value is the same for all."""
    added = out.unflatten(1, (heads, -1)).transpose(0, 1) @ value.unflatten(0, (heads, -1))  # [heads,H,D]
    width = len(value) // heads
    right = torch.linalg.svd(added.flatten(0, 1), full_matrices=False).Vh[:width]  # [w,D]
    return (added @ right.T).transpose(0, 1).flatten(1), right


def heaviest_units(state: dict[str, Tensor], units: int) -> dict[str, Tensor]:
    """A layer's weights with only those units of its MLP whose weights, in and out, have the largest product of norms.
    A gated unit has two rows in `up`, its value and its gate."""
    up, down = state["up.weight"], state["down.weight"]
    rows = up.unflatten(0, (-1, down.shape[1]))  # [1 or 2,units,H]
    kept = (rows.norm(dim=-1).prod(0) * down.norm(dim=0)).topk(units).indices.sort().values
    bias = state["up.bias"].unflatten(0, (-1, down.shape[1]))
    return {**state, "up.weight": rows[:, kept].flatten(0, 1), "up.bias": bias[:, kept].flatten(0, 1),
            "down.weight": down[:, kept]}
