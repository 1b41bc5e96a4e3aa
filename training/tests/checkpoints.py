"""Small random checkpoints in the Hugging Face layout, one of each family, made on the spot by transformers itself."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
)

from mice_train.tiny import tokenizer_json, vocabulary

HIDDEN, LAYERS, REACH = 64, 4, 4
SPREAD = 0.15
FAMILIES = ("bert", "electra", "modernbert")
SHARED = {"vocab_size": len(vocabulary()), "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
          "num_attention_heads": 4, "intermediate_size": HIDDEN, "max_position_embeddings": 128, "num_labels": 1,
          "pad_token_id": 0}


def model_of(family: str, **changes: object) -> PreTrainedModel:
    """With a head that scores pairs; ModernBERT's layers 1 and 2 are local, 0 and 3 global."""
    options = {**SHARED, **changes}
    if family == "bert":
        return BertForSequenceClassification(BertConfig(**options))
    if family == "electra":
        return ElectraForSequenceClassification(ElectraConfig(**{"embedding_size": HIDDEN // 2, **options}))
    special = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    return ModernBertForSequenceClassification(ModernBertConfig(**{"local_attention": 2 * REACH, **special, **options}))


@torch.no_grad()
def write_checkpoint(folder: Path, family: str, seed: int = 0, **changes: object) -> Path:
    """All weights random, biases and norms too, so that every one of them shows."""
    model = model_of(family, **changes)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator) * SPREAD
        parameter.copy_(1 + noise if "norm" in name.lower() and name.endswith("weight") else noise)
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer_json())
    return folder
