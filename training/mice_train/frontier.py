"""Quality against bytes a document, of one trained model: fewer directions, coarser values, fewer tokens.

Nothing is trained again: each form is made from the wide states, then brought back into the space that the model reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mice_train.encode import StoredPassages, StoredQueries, load_passages, load_queries
from mice_train.interaction import Interaction
from mice_train.ragged import Ragged, from_lengths
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.stored_form import LEVELS, ROWS_AT_ONCE, StoredForm, rotation, round_rows
from mice_train.styles import STOP_WORDS
from mice_train.teach import load_candidates
from mice_train.tokens import DOCUMENT_TOKENS, document_text, load_tokenizer, tokenize
from mice_train.validation import ValidationSet, mean_figure, validate, validation_sets

Thin = Callable[[Tensor, list[int]], Tensor]
"""A passage's states [T,D] and token ids → fewer states."""


@dataclass(frozen=True)
class Variant:
    """`form` is what is stored; `read` how many of the model's own dimensions there are."""

    name: str
    form: StoredForm
    thin: Thin | None = None


def merged_neighbours(states: Tensor, ids: list[int]) -> Tensor:
    """Means of the most alike pairs of neighbours, until a third of the tokens is gone. `[CLS]` and `[SEP]` stay."""
    count = len(states)
    likeness = torch.nn.functional.cosine_similarity(states[1:-2], states[2:-1], dim=-1)
    taken, pairs = set(), []
    for at in likeness.argsort(descending=True).tolist():
        first = at + 1
        if len(pairs) < count // 3 and first not in taken and first + 1 not in taken:
            taken.update((first, first + 1))
            pairs.append(first)
    out = states.clone()
    out[pairs] = (states[pairs] + states[[p + 1 for p in pairs]]) / 2
    gone = {p + 1 for p in pairs}
    return out[[at for at in range(count) if at not in gone]]


def without(dropped: frozenset[int]) -> Thin:
    """Leaves out the tokens with these ids, but never `[CLS]` and `[SEP]`."""

    def thin(states: Tensor, ids: list[int]) -> Tensor:
        last = len(ids) - 1
        return states[[at for at, token in enumerate(ids) if at in (0, last) or token not in dropped]]

    return thin


def made(passages: StoredPassages, rows: np.ndarray, ids: dict[int, list[int]], variant: Variant, dims: int) -> StoredPassages:
    """The passages `rows` as the variant stores them, in the coordinates of a model that reads `dims` of them turned."""
    inner, outer = rotation(variant.form.dims), rotation(dims)
    levels = LEVELS[variant.form.dtype]
    empty = (np.empty((0, dims), np.int8), np.empty(0, np.float32))
    parts = [empty] * (len(passages.states))
    for row in rows:
        start, end = passages.states.offsets[row], passages.states.offsets[row + 1]
        wide = torch.from_numpy(passages.states.flat[start:end, : variant.form.dims].astype(np.float32))
        states = wide * torch.from_numpy(passages.scales[start:end])[:, None]
        if variant.thin is not None:
            states = variant.thin(states, ids[row])
        q, scale = round_rows(states @ inner, levels)
        kept = (q.float() * scale[:, None]) @ inner.T
        read = torch.nn.functional.pad(kept, (0, dims - variant.form.dims)) @ outer
        values, scales = round_rows(read, LEVELS["int8"])
        parts[row] = (values.numpy(), scales.numpy())
    lengths = np.array([len(scales) for _, scales in parts])
    states = from_lengths(np.concatenate([values for values, _ in parts]), lengths)
    return StoredPassages(states, np.concatenate([scales for _, scales in parts]), passages.vectors)
