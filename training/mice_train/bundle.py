"""The bundle directory, format 1: graphs, weights, tokenizer, model card and the manifest over them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mice_train.data import TRAINING_SETS
from mice_train.encode import BOTTOM_LAYERS
from mice_train.encoder import Encoder
from mice_train.export import export_document, export_interaction, export_query
from mice_train.first_stage import FirstStage
from mice_train.graph import WEIGHTS_FILE, Compute, SharedWeights, save
from mice_train.interaction import Interaction
from mice_train.projection import Projection
from mice_train.source import Source
from mice_train.tokens import DOCUMENT_TOKENS, QUERY_TOKENS, neutral_tokenizer_json

FORMAT = 1
MANIFEST = "bundle.json"
GRAPHS = {"document": "document.onnx", "query": "query.onnx", "interaction": "interaction.onnx"}


@dataclass(frozen=True)
class Parts:
    """What a bundle is made of. `queries` = number of training queries by training set name."""

    name: str
    source: Source
    encoder: Encoder
    projection: Projection
    interaction: Interaction
    first_stage: FirstStage
    queries: dict[str, int]


def write_bundle(parts: Parts, directory: Path, compute: Compute) -> dict:
    """Writes every file but the model card; returns the manifest, which is written too."""
    directory.mkdir(parents=True, exist_ok=True)
    weights = SharedWeights()
    encoder, projection = parts.encoder, parts.projection
    models = {
        "document": export_document(encoder, projection, BOTTOM_LAYERS, DOCUMENT_TOKENS, weights, compute),
        "query": export_query(encoder, BOTTOM_LAYERS, QUERY_TOKENS, weights, compute),
        "interaction": export_interaction(parts.interaction, weights, compute),
    }
    for role, model in models.items():
        save(model, directory / GRAPHS[role])
    (directory / WEIGHTS_FILE).write_bytes(weights.content)
    (directory / "tokenizer.json").write_text(neutral_tokenizer_json(parts.source.tokenizer_path))
    manifest = describe(parts, directory)
    write_manifest(directory, manifest)
    return manifest


def describe(parts: Parts, directory: Path) -> dict:
    shape = parts.source.shape
    blocks = len(parts.interaction.blocks)
    return {
        "format": FORMAT,
        "name": parts.name,
        "source": {"model": "sentence-transformers/all-MiniLM-L6-v2", "licence": "Apache-2.0",
                   "bottomLayers": shape.layers - blocks, "interactionLayers": blocks},
        "dims": {"hidden": shape.hidden, "vector": shape.hidden, "states": len(parts.projection.down)},
        "stateDtype": "int8",
        "limits": {"documentTokens": DOCUMENT_TOKENS, "queryTokens": QUERY_TOKENS},
        "score": {"cosineWeight": parts.interaction.cosine_weight.item(),
                  "firstStage": {"kind": parts.first_stage.kind, "weight": parts.first_stage.weight}},
        "graphs": GRAPHS,
        "tokenizerHash": sha256(directory / "tokenizer.json"),
        "files": {},
        "licence": "Apache-2.0",
        "trainingData": [{"name": s.name, "licence": s.licence, "queries": parts.queries.get(s.name, 0)}
                         for s in TRAINING_SETS],
        "quality": {},
        "tolerance": {},
    }


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_manifest(directory: Path) -> dict:
    return json.loads((directory / MANIFEST).read_text())


def write_manifest(directory: Path, manifest: dict) -> None:
    """Lists the files as they lie there now, so call it after the last of them was written."""
    files = sorted(p for p in directory.iterdir() if p.name != MANIFEST)
    manifest["files"] = {p.name: {"bytes": p.stat().st_size, "sha256": sha256(p)} for p in files}
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
