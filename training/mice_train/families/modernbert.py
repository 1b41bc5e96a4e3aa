"""ModernBERT: pre-LN, rotary positions, GeGLU, global layers between local ones with a sliding window.

Biases that a checkpoint does without are zero here.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from mice_train.families.refusal import require
from mice_train.shape import Rotary, Shape

LAYER = {"out": "attn.Wo", "attention_norm": "attn_norm", "up": "mlp.Wi", "down": "mlp.Wo", "norm": "mlp_norm"}
READER = {"pooler": "head.dense", "pooler_norm": "head.norm", "head": "classifier", "final_norm": "final_norm"}
GLOBAL, LOCAL = "full_attention", "sliding_attention"


def shape(config: PreTrainedConfig) -> Shape:
    require(config, hidden_activation="gelu", classifier_activation="gelu")
    return Shape(
        hidden=config.hidden_size, heads=config.num_attention_heads, layers=config.num_hidden_layers,
        intermediate=config.intermediate_size, vocab=config.vocab_size, positions=config.max_position_embeddings,
        eps=config.norm_eps, types=0, family="modernbert",
        rotary=tuple(rotary(config, kind) for kind in config.layer_types),
        mean_read=config.classifier_pooling == "mean")


def rotary(config: PreTrainedConfig, kind: str) -> Rotary:
    given = config.rope_parameters[kind]
    if given["rope_type"] != "default":
        raise ValueError(f"rope_type is {given['rope_type']!r}; accepted is 'default'")
    return Rotary(given["rope_theta"], config.sliding_window if kind == LOCAL else None)


def encoder_weights(weights: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    found = {"words.weight": weights["embeddings.tok_embeddings.weight"],
             **with_bias(weights, "norm", "embeddings.norm"), **with_bias(weights, "final_norm", "final_norm")}
    for number in range(shape.layers):
        for ours, theirs in LAYER.items():
            if (ours, number) != ("attention_norm", 0):  # the first layer reads the embeddings' norm
                found |= with_bias(weights, f"layers.{number}.{ours}", f"layers.{number}.{theirs}")
        stacked = with_bias(weights, "stacked", f"layers.{number}.attn.Wqkv")
        for part in ("weight", "bias"):
            for ours, tensor in zip(("query", "key", "value"), stacked[f"stacked.{part}"].chunk(3), strict=True):
                found[f"layers.{number}.{ours}.{part}"] = tensor
    return found


def reader_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    there = {ours: theirs for ours, theirs in READER.items() if f"{theirs}.weight" in weights}
    return {name: tensor for ours, theirs in there.items() for name, tensor in with_bias(weights, ours, theirs).items()}


def with_bias(weights: dict[str, Tensor], ours: str, theirs: str) -> dict[str, Tensor]:
    weight = weights[f"{theirs}.weight"]
    return {f"{ours}.weight": weight, f"{ours}.bias": weights.get(f"{theirs}.bias", torch.zeros(len(weight)))}
