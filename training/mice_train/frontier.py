"""Quality against bytes a document, of one trained model: fewer directions, coarser values, fewer tokens.

Nothing is trained again: each form is made from the wide states, then brought back into the space that the model reads.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from mice_train.encode import StoredPassages, load_passages, load_queries
from mice_train.interaction import Interaction
from mice_train.ragged import from_lengths
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.source import Source
from mice_train.stored_form import LEVELS, StoredForm, rotation, round_rows
from mice_train.styles import STOP_WORDS
from mice_train.teach import load_candidates
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.validation import mean_figure, validate, validation_sets

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


def variants(tokenizer: Tokenizer, dims: int) -> list[Variant]:
    """What is compared; the first is the form that the model was trained with."""
    words = {tokenizer.token_to_id(word) for word in (*STOP_WORDS, *string.punctuation)}
    stops = without(frozenset(word for word in words if word is not None))
    narrower = [width for width in (96, 64, 48, 32) if width < dims]
    compared = [
        Variant(f"{dims} int4", StoredForm(dims, "int4")),
        Variant(f"{dims} int8", StoredForm(dims, "int8")),
        *(Variant(f"{width} int4", StoredForm(width, "int4")) for width in narrower),
        Variant("64 int8", StoredForm(64, "int8")),
        Variant(f"{dims} int4, neighbours merged", StoredForm(dims, "int4"), merged_neighbours),
        Variant(f"{dims} int4, without stop words", StoredForm(dims, "int4"), stops),
        Variant("64 int4, without stop words", StoredForm(64, "int4"), stops),
    ]
    return [variant for variant in compared if variant.form.dims <= dims]


def made(
    passages: StoredPassages, rows: np.ndarray, ids: dict[int, list[int]], variant: Variant, dims: int
) -> StoredPassages:
    """The passages `rows` as the variant stores them, in the coordinates of a model that reads `dims` of them."""
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


def frontier(
    source: Source, interaction: Interaction, work: Path, name: str, window: int, per_set: int, log: Log = print
) -> None:
    """Writes work/mice-<name>/frontier.json: each variant with its mean nDCG@10 on held-out written queries."""
    records, asked = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    passages, queries = load_passages(work), load_queries(work)
    sets = validation_sets(records, asked, load_candidates(work), window, per_set)
    rows = np.unique(np.concatenate([entry.candidates.reshape(-1) for entry in sets]))
    tokenizer = load_tokenizer(source.tokenizer_path)
    texts = [document_text(records[row].title, records[row].text) for row in rows]
    ids = dict(zip(rows.tolist(), tokenize(tokenizer, texts, source.reading.document_tokens), strict=True))
    dims = interaction.blocks[0].cross_key.in_features
    found = []
    for variant in variants(tokenizer, dims):
        stored = made(passages, rows, ids, variant, dims)
        tokens = float(stored.states.lengths[rows].mean())
        figures = validate(interaction, sets, queries, stored)
        found.append({"form": variant.name, "bytesPerToken": variant.form.bytes_per_token, "tokens": tokens,
                      "bytesPerDocument": tokens * variant.form.bytes_per_token, "ndcg@10": mean_figure(figures),
                      "cosine": mean_figure(figures, 1), "bm25": mean_figure(figures, 0)})
        log(json.dumps(found[-1]))
    (work / f"mice-{name}" / "frontier.json").write_text(json.dumps(found, indent=1) + "\n")
