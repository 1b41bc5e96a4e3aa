"""BERT: post-LN, absolute positions, `[CLS]` read through a pooler with tanh."""

from __future__ import annotations

from torch import Tensor
from transformers import PreTrainedConfig

from mice_train.families.refusal import require
from mice_train.shape import Shape

EMBEDDINGS = {
    "words.weight": "word_embeddings.weight",
    "positions.weight": "position_embeddings.weight",
    "types.weight": "token_type_embeddings.weight",
    "norm.weight": "LayerNorm.weight",
    "norm.bias": "LayerNorm.bias",
}
LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}
"""Our names → the checkpoint's."""
READER = {"pooler": "pooler.dense", "head": "classifier"}


def shape(config: PreTrainedConfig) -> Shape:
    require(config, hidden_act="gelu", position_embedding_type="absolute", is_decoder=False)
    return Shape(
        hidden=config.hidden_size, heads=config.num_attention_heads, layers=config.num_hidden_layers,
        intermediate=config.intermediate_size, vocab=config.vocab_size, positions=config.max_position_embeddings,
        eps=config.layer_norm_eps, types=config.type_vocab_size)


def encoder_weights(weights: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    found = {ours: weights[f"embeddings.{theirs}"] for ours, theirs in EMBEDDINGS.items()}
    for number in range(shape.layers):
        for ours, theirs in LAYER.items():
            for part in ("weight", "bias"):
                found[f"layers.{number}.{ours}.{part}"] = weights[f"encoder.layer.{number}.{theirs}.{part}"]
    return found


def reader_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return renamed(weights, READER)


def renamed(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """Weights and biases of the modules that the checkpoint has."""
    return {f"{ours}.{part}": weights[f"{theirs}.{part}"] for ours, theirs in names.items()
            for part in ("weight", "bias") if f"{theirs}.{part}" in weights}
