"""A bundle of random weights with every graph, small enough to be committed: what tests of the product run on."""

from __future__ import annotations

import json
import string
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mice_train.bundle import Limits, Origin, PairReader, Parts, write_bundle
from mice_train.cross_encoder import CrossEncoder
from mice_train.encoder import Encoder
from mice_train.first_stage import KIND, FirstStage
from mice_train.graph import Computes, InteractionCompute
from mice_train.interaction import Interaction
from mice_train.projection import Projection
from mice_train.publish import publish
from mice_train.records import stable_hash
from mice_train.runtime import Bundle
from mice_train.shape import Shape
from mice_train.tolerance import Accepted, Sample
from mice_train.watch import Feed

HIDDEN, STATE_DIMS, BOTTOM = 32, 16, 2
LIMITS = Limits(document=64, query=16, pair=80)
SPREAD = 0.15
"""Standard deviation of the random weights: small enough for int8 to follow, large enough for scores to differ."""
HEAD_GAIN = 10
"""Brings the scores to the order of the weighted cosines."""
ACCEPTED = Accepted(quantized=0.2)
"""Random weights are harder on eight bits than trained ones."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("a all an and are as at be by can do for from has how i in is it its not of on one or that the this to use "
         "was what when where which will with you add check cluster count create data document end error field file "
         "find get index key list load memory name new node number order page part query read result score search "
         "server set size sort start state term text time token type update user value vector word write year").split()
TEXTS = ("How to sort the result of a search by score", "Load a document from the index and read its fields",
         "A node writes new data in order of time.", "what is a vector?", "Memory: use 2 GB or 64% of the server")
"""What the export is checked on."""


def vocabulary() -> list[str]:
    """Whole words, and every printable ASCII character alone and, where it can be, inside a word."""
    letters = string.ascii_lowercase + string.digits
    return [*SPECIAL, *string.punctuation, *letters, *(f"##{c}" for c in letters), *(w for w in WORDS if len(w) > 1)]


def tokenizer_json() -> str:
    """A lower-casing WordPiece tokenizer with BERT's templates for one text and for two."""
    vocab = {word: number for number, word in enumerate(vocabulary())}

    def special(token: str, kind: int) -> dict:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    first, second = ({"Sequence": {"id": name, "type_id": kind}} for kind, name in enumerate("AB"))
    single = [special("[CLS]", 0), first, special("[SEP]", 0)]
    return json.dumps({
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": vocab[t], "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for t in SPECIAL],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing", "single": single, "pair": [*single, second, special("[SEP]", 1)],
            "special_tokens": {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    })


@torch.no_grad()
def randomise(module: nn.Module, seed: int) -> None:
    """Norms near the identity, everything else normally distributed; by name, so that a refactoring changes nothing."""
    for name, parameter in module.named_parameters():
        if name == "log_cosine_weight":
            continue
        generator = torch.Generator().manual_seed(seed + stable_hash(name))
        noise = torch.randn(parameter.shape, generator=generator) * SPREAD * (HEAD_GAIN if name == "head.weight" else 1)
        parameter.copy_(1 + noise if "norm" in name and name.endswith("weight") else noise)
    module.eval().requires_grad_(False)


def tiny_parts(tokenizer_path: Path, seed: int = 0) -> Parts:
    """All graphs over one random encoder: layers 0 and 1 are the bottom, and layer 0 alone is the fast query side."""
    shape = Shape(hidden=HIDDEN, heads=4, layers=3, intermediate=HIDDEN, vocab=len(vocabulary()),
                  positions=LIMITS.pair, eps=1e-12)
    encoder = Encoder(shape)
    interaction = Interaction(shape, STATE_DIMS, shape.layers - BOTTOM)
    cross_encoder = CrossEncoder(encoder)
    for module in (interaction, cross_encoder):
        randomise(module, seed)
    noise = torch.randn(HIDDEN, STATE_DIMS, generator=torch.Generator().manual_seed(seed))
    directions = torch.linalg.qr(noise).Q
    query_fast = Encoder(shape)
    query_fast.load_state_dict(encoder.state_dict())
    query_fast.layers = query_fast.layers[:1]
    return Parts(
        "tiny", Origin("random", "Apache-2.0"), tokenizer_path, encoder, BOTTOM,
        Projection(torch.zeros(HIDDEN), directions.T.contiguous(), directions), interaction, FirstStage(KIND, 1.0),
        state_dtype="int4", limits=LIMITS, query_fast=query_fast.requires_grad_(False),
        cross_encoder=PairReader(cross_encoder, FirstStage(KIND, 1.5)))


def write_tiny_bundle(directory: Path, seed: int = 0, interaction: InteractionCompute = "int8-blocks") -> dict:
    """Checked as every bundle is; returns the manifest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_text(tokenizer_json())
        sample = Sample(list(TEXTS), [list(TEXTS)] * len(TEXTS))
        parts = tiny_parts(path, seed)
        if interaction == "int8-fixed":
            write_bundle(parts, Path(folder) / "read", "int8-blocks")
            parts = replace(parts, feeds=feeds_of(Bundle(Path(folder) / "read")))
        return publish(parts, directory, sample, Computes(interaction=interaction), ACCEPTED)


def feeds_of(bundle: Bundle) -> list[Feed]:
    """What the texts give, each as a query over all."""
    encoded, rows = bundle.encode_documents(list(TEXTS)), np.arange(len(TEXTS))
    return [{"query_states": bundle.encode_query(text)[0], "document_states": encoded.states.padded(rows),
             "document_scales": encoded.scales.padded(rows), "document_lengths": encoded.states.lengths}
            for text in TEXTS]
