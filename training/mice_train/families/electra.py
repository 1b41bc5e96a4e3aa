"""ELECTRA: BERT's layers over embeddings of a width of their own; no pooler, its head reads `[CLS]` through GELU."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from transformers import PreTrainedConfig

from mice_train.families import bert
from mice_train.shape import Shape

READER = {"pooler": "classifier.dense", "head": "classifier.out_proj"}


def shape(config: PreTrainedConfig) -> Shape:
    narrow = config.embedding_size if config.embedding_size != config.hidden_size else None
    return replace(bert.shape(config), family="electra", embedding=narrow)


def encoder_weights(weights: dict[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    projection = {} if shape.embedding is None else bert.renamed(weights, {"project": "embeddings_project"})
    return bert.encoder_weights(weights, shape) | projection


def reader_weights(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return bert.renamed(weights, READER)
