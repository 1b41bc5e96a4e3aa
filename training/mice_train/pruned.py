"""The same scores as `interaction.py`, computed with as little work as possible.

Absorbed: the key projection is folded into the query and the value projection applied after the weighted sum,
so the document states are used as they are stored. (One key and one value head for all query heads are narrower than
what is stored: there keys and values are made.) Pruned: what depends on the query alone is computed once per query, not
per document, and the last layer computes the `[CLS]` row only. Exact, up to rounding.
"""

from __future__ import annotations

import math

from torch import Tensor

from mice_train.interaction import Block, Interaction, padding_bias, self_attention_bias
from mice_train.split import merge, split


def score(
    interaction: Interaction, x: Tensor, query_mask: Tensor, z: Tensor, document_mask: Tensor,
    alike: Tensor | None = None,
) -> Tensor:
    """x [B,Tq,H], query_mask [B,Tq], z [B,N,Td,D], document_mask [B,N,Td], alike [B,N,Tq,Td] (for lexical blocks, see
    `same_tokens`) → [B,N]: N documents a query."""
    return interaction.read(cls_rows(interaction, x, query_mask, z, document_mask, alike)).view(z.shape[:2])


def cls_rows(
    interaction: Interaction, x: Tensor, query_mask: Tensor, z: Tensor, document_mask: Tensor,
    alike: Tensor | None = None,
) -> Tensor:
    """The same → the last layer's `[CLS]` rows [B·N,H]."""
    documents = z.shape[1]
    document_bias = padding_bias(document_mask.flatten(0, 1))
    query_bias = self_attention_bias(query_mask).repeat_interleave(documents, 0)
    same = None if alike is None else (alike @ z).flatten(0, 1)
    for number, block in enumerate(interaction.blocks):
        x = cross(block, x, z, document_bias, same)
        if number == 0:
            z = z.flatten(0, 1).unsqueeze(1)
        last = number == len(interaction.blocks) - 1
        rows = x[:, :1] if last else x
        bias = query_bias[:, :, :1] if last else query_bias
        x = block.layer.mlp(block.layer.attend(rows, x, bias))
    return x[:, 0]


def cross(block: Block, x: Tensor, z: Tensor, document_bias: Tensor, same: Tensor | None = None) -> Tensor:
    """x [B,T,H], z [B,N,Td,D], document_bias [B·N,1,1,Td], same [B·N,T,D] (for a lexical one) → [B·N,T,H]."""
    (queries, documents), rows = z.shape[:2], x.shape[1]
    q = split(block.cross_query(block.asking(x)), block.heads)
    q = q / math.sqrt(q.shape[-1])
    if block.read_heads == 1:
        keys, values = block.cross_key(z), block.cross_value(z)
    else:
        q, keys, values = q @ per_head(block.cross_key.weight, block.heads), z, z
    logits = q.flatten(1, 2)[:, None] @ keys.transpose(-1, -2)
    weights = (logits.flatten(0, 1) + document_bias[:, 0]).softmax(-1)
    context = (weights @ values.flatten(0, 1)).view(queries * documents, block.heads, rows, values.shape[-1])
    if block.read_heads == 1:
        added = block.cross_out(merge(context))
    else:
        context = context @ per_head(block.cross_value.weight, block.heads).transpose(-1, -2)
        added = block.cross_out(merge(context) + block.cross_value.bias)
    if block.lexical is not None:
        added = added + block.lexical(same)
    residual = x.repeat_interleave(documents, 0)
    return block.joined(residual, added)


def per_head(weight: Tensor, heads: int) -> Tensor:
    """[H,D] → [heads,H/heads,D]."""
    return weight.unflatten(0, (heads, -1))
