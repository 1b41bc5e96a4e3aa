"""Query and passage numbers → the padded tensors that scoring takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mice_train.device import device, product_type
from mice_train.encode import StoredPassages, StoredQueries
from mice_train.interaction import same_tokens
from mice_train.ragged import Ragged


@dataclass(frozen=True)
class Batch:
    """B queries with N documents each."""

    x: Tensor  # [B,Tq,H] float32
    query_mask: Tensor  # [B,Tq]
    z: Tensor  # [B,N,Td,D]
    document_mask: Tensor  # [B,N,Td]
    cosine: Tensor  # [B,N]
    alike: Tensor | None = None  # [B,N,Tq,Td], see `same_tokens`


def collate(rows: np.ndarray, candidates: np.ndarray, queries: StoredQueries, passages: StoredPassages) -> Batch:
    """rows [B], candidates [B,N]."""
    count, documents = candidates.shape
    flat = candidates.reshape(-1)
    q = torch.from_numpy(passages.states.padded(flat))
    scales = torch.from_numpy(Ragged(passages.scales, passages.states.offsets).padded(flat))
    z = (q.float() * scales[..., None]).to(product_type())
    cosine = np.einsum("bh,bnh->bn", queries.vectors[rows], passages.vectors[candidates])
    query_mask = mask(queries.states.lengths[rows])
    document_mask = mask(passages.states.lengths[flat]).unflatten(0, (count, documents))
    parts = [torch.from_numpy(queries.states.padded(rows)).float(), query_mask, z.unflatten(0, (count, documents)),
             document_mask, torch.from_numpy(cosine)]
    if queries.tokens is not None and passages.tokens is not None:
        asked, read = (torch.from_numpy(Ragged(side.tokens, side.states.offsets).padded(which))
                       for side, which in ((queries, rows), (passages, flat)))
        alike = same_tokens(asked, query_mask, read.unflatten(0, (count, documents)), document_mask)
        parts.append(alike.to(product_type()))
    return Batch(*(part.to(device()) for part in parts))


def mask(lengths: np.ndarray) -> Tensor:
    """[n] → [n,longest] of ones and zeros."""
    return (torch.arange(int(lengths.max()))[None] < torch.from_numpy(lengths)[:, None]).float()
