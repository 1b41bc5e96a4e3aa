"""Quality against bytes a document, of one trained model: fewer directions, coarser values, fewer tokens.

Nothing is trained again: each form is made from the wide states, then brought back into the space that the model reads.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from mice_train.encode import StoredPassages, load_passages, load_queries
from mice_train.encoder import load_encoder
from mice_train.interaction import Interaction
from mice_train.quantize import quantize
from mice_train.ragged import from_lengths
from mice_train.records import read_passages, read_queries
from mice_train.reporting import Log
from mice_train.side_information import TOKEN_ID_BYTES, SideInformation, fit_side_information
from mice_train.source import Source
from mice_train.stored_form import StoredForm, merged_neighbours, rotation
from mice_train.styles import STOP_WORDS
from mice_train.teach import load_candidates
from mice_train.tokens import document_text, load_tokenizer, tokenize
from mice_train.validation import ASKED_STYLES, mean_figure, style_of, validate, validation_sets
from mice_train.whole_file import write_whole

FITTED_ON = 600
"""Passages, none of them ranked, that side information is fitted on."""

Thin = Callable[[Tensor, list[int]], Tensor]
"""A passage's states [T,D] and token ids → fewer states."""


@dataclass(frozen=True)
class Variant:
    """`form` is what is stored of a token."""

    name: str
    form: StoredForm
    thin: Thin | None = None
    side: SideInformation | None = None
    """What is stored is how far a state is from what its token's id makes expect, and the id."""

    @property
    def bytes_per_token(self) -> float:
        return self.form.bytes_per_token + (0 if self.side is None else TOKEN_ID_BYTES)


def merged(states: Tensor, ids: list[int]) -> Tensor:
    return torch.from_numpy(merged_neighbours(states.numpy()))


def without(dropped: frozenset[int]) -> Thin:
    """Leaves out the tokens with these ids, but never `[CLS]` and `[SEP]`."""

    def thin(states: Tensor, ids: list[int]) -> Tensor:
        last = len(ids) - 1
        return states[[at for at, token in enumerate(ids) if at in (0, last) or token not in dropped]]

    return thin


def variants(tokenizer: Tokenizer, dims: int, side: SideInformation) -> list[Variant]:
    """What is compared."""
    words = {tokenizer.token_to_id(word) for word in (*STOP_WORDS, *string.punctuation)}
    stops = without(frozenset(word for word in words if word is not None))
    narrower = [width for width in (96, 64, 48, 32, 16) if width < dims]
    compared = [
        Variant(f"{dims} int4", StoredForm(dims, "int4")),
        Variant(f"{dims} int8", StoredForm(dims, "int8")),
        *(Variant(f"{width} int4", StoredForm(width, "int4")) for width in narrower),
        Variant("64 int8", StoredForm(64, "int8")),
        Variant(f"{dims} int4, neighbours merged", StoredForm(dims, "int4"), merged),
        Variant(f"{dims} int4, without stop words", StoredForm(dims, "int4"), stops),
        Variant("64 int4, without stop words", StoredForm(64, "int4"), stops),
        *(Variant(f"{width} int4 beside the token's id", StoredForm(width, "int4"), side=side)
          for width in (dims - 4, 60, 28, 12)),  # each the bytes of one above
    ]
    return [variant for variant in compared if variant.form.dims <= dims]


def wide_states(passages: StoredPassages, row: int) -> Tensor:
    """Of one passage, as the work folder keeps them: float32 [T,D]."""
    start, end = passages.states.offsets[row], passages.states.offsets[row + 1]
    values = torch.from_numpy(passages.states.flat[start:end].astype(np.float32))
    return values * torch.from_numpy(passages.scales[start:end])[:, None]


def side_information(passages: StoredPassages, ids: dict[int, list[int]], embeddings: Tensor) -> SideInformation:
    """Fitted on the passages of `ids`."""
    states = torch.cat([wide_states(passages, row) for row in ids])
    return fit_side_information(embeddings, torch.tensor(np.concatenate(list(ids.values()))), states)


def stored(states: Tensor, ids: list[int], variant: Variant) -> Tensor:
    """Wide states [T,D] → the same as they are read back, without the directions that the variant drops."""
    dims, side = variant.form.dims, variant.side
    turn = rotation(dims)
    rest = states if side is None else (states - side.expected[ids]) @ side.directions
    q, scale = quantize(rest[:, :dims] @ turn, variant.form.dtype)
    kept = torch.nn.functional.pad((q.float() * scale[:, None]) @ turn.T, (0, rest.shape[1] - dims))
    return kept if side is None else side.expected[ids] + kept @ side.directions.T


def made(
    passages: StoredPassages, rows: np.ndarray, ids: dict[int, list[int]], variant: Variant, dims: int
) -> tuple[StoredPassages, float | None]:
    """The passages `rows` as the variant stores them, in the coordinates of a model that reads `dims` of them, and the
    share of the squares of these coordinates that is lost; None where there are fewer tokens."""
    outer = rotation(dims)
    empty = (np.empty((0, dims), np.int8), np.empty(0, np.float32))
    parts = [empty] * (len(passages.states))
    lost = whole = 0.0
    for row in rows:
        states = wide_states(passages, row)
        if variant.thin is not None:
            states = variant.thin(states, ids[row])
        read = stored(states, ids[row], variant)[:, :dims]
        lost += (read - states[:, :dims]).square().sum().item()
        whole += states[:, :dims].square().sum().item()
        values, scales = quantize(read @ outer)
        parts[row] = (values.numpy(), scales.numpy())
    lengths = np.array([len(scales) for _, scales in parts])
    states = from_lengths(np.concatenate([values for values, _ in parts]), lengths)
    kept = StoredPassages(states, np.concatenate([scales for _, scales in parts]), passages.vectors)
    return kept, lost / whole if variant.thin is None else None


def frontier(
    source: Source, interaction: Interaction, work: Path, name: str, window: int, per_set: int, log: Log = print
) -> None:
    """Writes work/mice-<name>/frontier.json: each variant with its mean nDCG@10 on held-out written queries. Variants
    that are there are left alone, unless another checkpoint was picked since."""
    path, picked = work / f"mice-{name}" / "frontier.json", work / f"mice-{name}" / "best.pt"
    fresh = path.exists() and path.stat().st_mtime_ns > picked.stat().st_mtime_ns
    found = json.loads(path.read_text()) if fresh else []
    records, asked = read_passages(work / "passages.jsonl"), read_queries(work / "queries.jsonl")
    passages, queries = load_passages(work), load_queries(work)
    sets = validation_sets(records, asked, load_candidates(work), window, per_set)
    counted = [entry for entry in sets if style_of(entry.name) in ASKED_STYLES]
    rows = np.unique(np.concatenate([entry.candidates.reshape(-1) for entry in sets]))
    tokenizer = load_tokenizer(source.tokenizer_path)

    def ids_of(numbers: Sequence[int]) -> list[list[int]]:
        texts = [document_text(records[number].title, records[number].text) for number in numbers]
        return tokenize(tokenizer, texts, source.reading.document_tokens)

    ids = dict(zip(rows.tolist(), ids_of(rows), strict=True))
    dims = interaction.blocks[0].cross_key.in_features
    others = np.setdiff1d(np.arange(len(records)), rows)
    sample = np.random.default_rng(0).choice(others, min(FITTED_ON, len(others)), replace=False).tolist()
    side = side_information(passages, dict(zip(sample, ids_of(sample), strict=True)), load_encoder(source).words.weight)
    for variant in variants(tokenizer, dims, side):
        if variant.name in [entry["form"] for entry in found]:
            continue
        passages_read, lost = made(passages, rows, ids, variant, dims)
        tokens = float(passages_read.states.lengths[rows].mean())
        figures = validate(interaction, counted, queries, passages_read)
        found.append({"form": variant.name, "bytesPerToken": variant.bytes_per_token, "tokens": tokens, "lost": lost,
                      "bytesPerDocument": tokens * variant.bytes_per_token, "ndcg@10": mean_figure(figures),
                      "cosine": mean_figure(figures, 1), "bm25": mean_figure(figures, 0)})
        write_whole(path, lambda unfinished: unfinished.write_text(json.dumps(found, indent=1) + "\n"))
        log(json.dumps(found[-1]))
