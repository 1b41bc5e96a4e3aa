"""The bundle directory, format 1: graphs, weights, tokenizer, model card and the manifest over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import onnx

from mice_train.compensated import round_encoder
from mice_train.cross_encoder import CrossEncoder
from mice_train.encoder import Encoder
from mice_train.export import (
    export_cross_encoder,
    export_document,
    export_interaction,
    export_query,
    export_query_fast,
)
from mice_train.first_stage import FirstStage
from mice_train.graph import Compute, Computes, RoundedRows, SharedWeights, save
from mice_train.interaction import Interaction
from mice_train.projection import Projection
from mice_train.quantize import StateDtype
from mice_train.stored_form import TokensKept
from mice_train.tokens import DOCUMENT_TOKENS, QUERY_TOKENS, neutral_tokenizer_json
from mice_train.watch import Feed

FORMAT = 1
MANIFEST = "bundle.json"


@dataclass(frozen=True)
class Origin:
    """The model that a bundle was derived from."""

    model: str
    licence: str


@dataclass(frozen=True)
class Limits:
    """Most tokens read of a document, of a query, and of both as one sequence."""

    document: int = DOCUMENT_TOKENS
    query: int = QUERY_TOKENS
    pair: int = DOCUMENT_TOKENS + QUERY_TOKENS


@dataclass(frozen=True)
class PairReader:
    """The cross-encoder of a bundle with the first stage calibrated for it; its cosine weight is the module's own."""

    model: CrossEncoder
    first_stage: FirstStage


@dataclass(frozen=True)
class Parts:
    """What a bundle is made of. The states are those after `bottom` layers of `encoder`; its last layer gives the
    vector. `query_fast` and `cross_encoder` are optional graphs."""

    name: str
    origin: Origin
    tokenizer_path: Path
    encoder: Encoder
    bottom: int
    projection: Projection
    interaction: Interaction
    first_stage: FirstStage
    state_dtype: StateDtype = "int8"
    state_tokens: TokensKept = "all"
    limits: Limits = Limits()
    licence: str = "Apache-2.0"
    training_data: list[dict] = field(default_factory=list)
    query_fast: Encoder | None = None
    cross_encoder: PairReader | None = None
    feeds: Sequence[Feed] = ()
    """Inputs of the interaction graph from real text, which int8-fixed finds its scales on."""
    texts: Sequence[list[int]] = ()
    """Token ids of real texts that the rounding of the encoder's weights makes up for itself on."""

    @cached_property
    def rounded(self) -> RoundedRows:
        """The encoder's weights as they are stored in int8, found once for all bundles that are written."""
        return round_encoder(self.encoder, self.texts)

    @property
    def hidden(self) -> int:
        return self.interaction.shape.hidden

    @property
    def longest(self) -> int:
        """Positions that every graph keeps, so that all read one table."""
        pair = self.limits.pair if self.cross_encoder else 0
        return max(self.limits.document, self.limits.query, pair)


def write_bundle(parts: Parts, directory: Path, compute: Compute | Computes) -> dict:
    """Writes every file but the model card; returns the manifest, which is written too."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = SharedWeights() if compute == "float32" else SharedWeights(parts.rounded)
    graphs = {}
    for role, model in export_graphs(parts, weights, compute).items():
        graphs[role] = f"{role}.onnx"
        save(model, directory / graphs[role])
    weights.write(directory)
    (directory / "tokenizer.json").write_text(neutral_tokenizer_json(parts.tokenizer_path))
    manifest = describe(parts, graphs, directory)
    write_manifest(directory, manifest)
    return manifest


def export_graphs(parts: Parts, weights: SharedWeights, compute: Compute | Computes) -> dict[str, onnx.ModelProto]:
    """Role → graph; the optional ones where the parts have them, with what only they need in files of their own: states
    and scores do not come from them, so that another one leaves the bundle's id as it is."""
    encoder, bottom = parts.encoder, parts.bottom
    positions = parts.longest
    how = compute if isinstance(compute, Computes) else Computes.alike(compute)
    models = {
        "document": export_document(encoder, parts.projection, bottom, positions, weights, how.document),
        "query": export_query(encoder, bottom, positions, weights, how.query),
        "interaction": export_interaction(parts.interaction, positions, weights, how.interaction, parts.feeds),
    }
    if parts.query_fast is not None:
        models["query-fast"] = export_query_fast(parts.query_fast, positions, weights.own("query-fast.bin"),
                                                 how.query_fast)
    if parts.cross_encoder is not None:
        models["cross-encoder"] = export_cross_encoder(parts.cross_encoder.model, positions,
                                                       weights.own("cross-encoder.bin"), how.cross_encoder)
    return models


def describe(parts: Parts, graphs: dict[str, str], directory: Path) -> dict:
    limits = {"documentTokens": parts.limits.document, "queryTokens": parts.limits.query}
    score = weights_of(parts.interaction, parts.first_stage)
    if parts.cross_encoder is not None:
        limits["pairTokens"] = parts.limits.pair
        score["crossEncoder"] = weights_of(parts.cross_encoder.model, parts.cross_encoder.first_stage)
    return {
        "format": FORMAT,
        "name": parts.name,
        "source": {"model": parts.origin.model, "licence": parts.origin.licence, "layers": parts.encoder.shape.layers,
                   "bottomLayers": parts.bottom, "interactionLayers": len(parts.interaction.blocks)},
        "dims": {"hidden": parts.hidden, "vector": parts.hidden, "states": len(parts.projection.down)},
        "stateDtype": parts.state_dtype,
        "stateTokens": parts.state_tokens,
        "limits": limits,
        "score": score,
        "graphs": graphs,
        "tokenizerHash": sha256(directory / "tokenizer.json"),
        "files": {},
        "licence": parts.licence,
        "trainingData": parts.training_data,
        "quality": {},
        "tolerance": {},
    }


def weights_of(model: Interaction | CrossEncoder, stage: FirstStage) -> dict:
    return {"cosineWeight": model.cosine_weight.item(), "firstStage": {"kind": stage.kind, "weight": stage.weight}}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_manifest(directory: Path) -> dict:
    manifest = json.loads((directory / MANIFEST).read_text())
    manifest.setdefault("stateTokens", "all")
    return manifest


def write_manifest(directory: Path, manifest: dict) -> None:
    """Lists the files as they lie there now, so call it after the last of them was written."""
    files = sorted(p for p in directory.iterdir() if p.name != MANIFEST)
    manifest["files"] = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in files}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
