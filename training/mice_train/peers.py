"""The cross-encoder of a bundle in PyTorch, as sentence-transformers' CrossEncoder runs it, beside ONNX Runtime and the
interaction as exported: one run, one thread, the same weights, from token ids."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from mice_train.bundle import Parts, write_bundle
from mice_train.cross_encoder import CrossEncoder
from mice_train.families import family_of
from mice_train.graph import Compute, Computes
from mice_train.refused import Refused
from mice_train.reporting import Log
from mice_train.runtime import Bundle
from mice_train.source import bare, quiet
from mice_train.timings import DOCUMENT_TOKENS, DOCUMENTS, QUERY_TOKENS, best_of, random_window
from mice_train.whole_file import write_whole

ROUNDS = 5
PAIRS = 32
"""Of one measurement, as many as sentence-transformers reads at once; the figures are of DOCUMENTS pairs."""
AT_ONCE = (PAIRS, 2)
"""2 are the fastest for a CPU core."""
SAME = 1e-3
"""Largest difference of a score by transformers' classes from the module's, in units of the scores' spread."""


@dataclass(frozen=True)
class Pairs:
    """Random token ids, as many of every pair: int64 [PAIRS,T]."""

    ids: Tensor
    types: Tensor
    mask: Tensor

    def batches(self, at_once: int) -> list[dict[str, Tensor]]:
        names = ("input_ids", "token_type_ids", "attention_mask")
        parts = zip(*(side.split(at_once) for side in (self.ids, self.types, self.mask)), strict=True)
        return [dict(zip(names, part, strict=True)) for part in parts]


def as_transformers(model: CrossEncoder, checkpoint: str | Path) -> PreTrainedModel:
    """transformers' own classes for the checkpoint, with the model's weights.

    @raises Refused where they do not give the same scores: the family has no place for a weight that was trained.
    """
    config = AutoConfig.from_pretrained(str(checkpoint), num_labels=1)
    with quiet():
        theirs = AutoModelForSequenceClassification.from_config(config).eval().requires_grad_(False)
    family = family_of(config.model_type)
    places = {bare(name): tensor for name, tensor in theirs.state_dict().items()}
    ours = model.state_dict()
    named = {f"encoder.{name}": place for name, place in family.encoder_weights(places, model.shape).items()}
    for name, place in (named | family.reader_weights(places)).items():
        place.copy_(ours[name])
    return theirs


def random_pairs(parts: Parts) -> Pairs:
    query = min(QUERY_TOKENS, parts.limits.query)
    tokens = min(query + DOCUMENT_TOKENS, parts.limits.pair)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, parts.encoder.shape.vocab, (PAIRS, tokens), generator=generator)
    types = (torch.arange(tokens) >= query).long().expand(PAIRS, -1).contiguous()
    return Pairs(ids, types, torch.ones_like(ids))


def measure_peers(
    parts: Parts, checkpoint: str | Path, compute: Compute | Computes, work: Path, log: Log = print
) -> None:
    """Writes work/peers-NAME.json: processor time for DOCUMENTS candidates, and the ratios over the interaction.
    Precondition: the parts have a cross-encoder."""
    assert parts.cross_encoder is not None
    module, pairs = parts.cross_encoder.model, random_pairs(parts)
    theirs = as_transformers(module, checkpoint)
    hold_same(module, theirs, pairs)
    query, stored = random_window(parts)
    rows = np.arange(DOCUMENTS)
    with tempfile.TemporaryDirectory() as folder:
        bundles = {name: written(parts, Path(folder) / name, how)
                   for name, how in (("float32", "float32"), ("as exported", compute))}
        ways = {f"ONNX Runtime, {name}, {at_once} pairs at once": reader(bundle, pairs, at_once)
                for name, bundle in bundles.items() for at_once in AT_ONCE}
        for at_once in AT_ONCE:
            ways[f"PyTorch, float32, {at_once} pairs at once"] = forward(theirs, pairs, at_once)
        interact = {name: partial(bundle.interaction, query, stored, rows) for name, bundle in bundles.items()}
        read = {name: ms * DOCUMENTS / PAIRS for name, ms in best_of(ways, lambda way: way(), ROUNDS).items()}
        own = best_of(interact, lambda way: way(), ROUNDS)
    found = {"candidates": DOCUMENTS, "pairTokens": pairs.ids.shape[1], "threads": torch.get_num_threads(),
             "cpuMs": {**{f"interaction, {name}": ms for name, ms in own.items()}, **read},
             "ratios": {name: ms / own["as exported"] for name, ms in read.items()}}
    write_whole(work / f"peers-{parts.name}.json", lambda path: path.write_text(json.dumps(found, indent=2) + "\n"))
    log(json.dumps(found, indent=2))


def written(parts: Parts, directory: Path, compute: Compute | Computes) -> Bundle:
    write_bundle(parts, directory, compute)
    return Bundle(directory)


@torch.inference_mode()
def hold_same(module: CrossEncoder, theirs: PreTrainedModel, pairs: Pairs) -> None:
    expected = module(pairs.ids, pairs.types, pairs.mask)
    [batch] = pairs.batches(PAIRS)
    apart = (theirs(**known(theirs, batch)).logits[:, 0] - expected).abs().max() / (expected.std() or 1)
    if not apart <= SAME:
        raise Refused(f"transformers' classes give other scores than the cross-encoder ({apart:.2g} of their spread); "
                      f"accepted is one whose weights they have a place for")


def known(theirs: PreTrainedModel, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What the classes take: not all families have token types."""
    types = getattr(theirs.config, "type_vocab_size", None)
    return batch if types else {name: side for name, side in batch.items() if name != "token_type_ids"}


def forward(theirs: PreTrainedModel, pairs: Pairs, at_once: int) -> Callable[[], None]:
    def run() -> None:
        with torch.inference_mode():
            for batch in pairs.batches(at_once):
                theirs(**known(theirs, batch))
    return run


def reader(bundle: Bundle, pairs: Pairs, at_once: int) -> Callable[[], None]:
    def run() -> None:
        for batch in pairs.batches(at_once):
            bundle.run("cross-encoder", ["scores"], **{name: side.numpy() for name, side in batch.items()})
    return run
